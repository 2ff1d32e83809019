import Foundation

/// The memory that this process may use.
struct MachineMemory: Sendable {
    /// The least of the machine's memory, what the control groups above this process allow, and the process's own limit,
    /// in bytes.
    let limit: Int

    /// Of this process.
    static let own = MachineMemory(total: physical, root: "/sys/fs/cgroup", groups: "/proc/self/cgroup")

    /// - Parameters:
    ///   - total: the machine's memory.
    ///   - root: where control groups are mounted.
    ///   - groups: the file that names this process's.
    init(total: Int, root: String, groups: String) {
        var least = total
        for line in ((try? String(contentsOfFile: groups, encoding: .utf8)) ?? "").split(separator: "\n") {
            // Number, controllers, path; of version 2 the number is 0 and there are no controllers.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
            let (folder, file) = isSecond ? (root, "/memory.max") : (root + "/memory", "/memory.limit_in_bytes")
            var path = String(parts[2])
            while true {
                let text = try? String(contentsOfFile: folder + path + file, encoding: .utf8)
                if let most = text.flatMap({ Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }) {
                    least = min(least, most)
                }
                guard let slash = path.lastIndex(of: "/") else { break }
                path = String(path[..<slash])
            }
        }
        limit = least
    }

    private static var physical: Int {
        var most = Int(exactly: ProcessInfo.processInfo.physicalMemory) ?? .max
        for resource in [RLIMIT_AS, RLIMIT_DATA] {
            var own = rlimit()
            if getrlimit(__rlimit_resource_t(resource.rawValue), &own) == 0 {
                most = min(most, Int(exactly: own.rlim_cur) ?? .max)
            }
        }
        return most
    }

    /// What a string takes at least: the size of C++'s.
    private static let stringBytes = 32

    /// Bytes of tensors together; `nil` if there is no such number.
    static func bytes(of tensors: some Sequence<InputShapes.Input>) -> Int? {
        var sum = 0
        for tensor in tensors {
            var bytes = tensor.elementType.byteSize ?? stringBytes
            // A length of 0 makes nothing of the others.
            for length in tensor.shape.sorted() {
                let (product, isTooLarge) = bytes.multipliedReportingOverflow(by: length)
                if isTooLarge { return nil }
                bytes = product
            }
            let (total, isTooLarge) = sum.addingReportingOverflow(bytes)
            if isTooLarge { return nil }
            sum = total
        }
        return sum
    }

    /// Why tensors do not fit, in words that follow what they are; `nil` if they do.
    func problem(with tensors: some Sequence<InputShapes.Input>) -> String? {
        let bytes = Self.bytes(of: tensors)
        if let bytes, bytes <= limit { return nil }
        let size = bytes.map(MemoryBill.text) ?? "more than \(MemoryBill.text(.max))"
        return "\(size), and there are \(MemoryBill.text(limit)) of memory"
    }
}
