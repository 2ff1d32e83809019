import CDarisSystem
import Foundation

/// What this process may use of the machine.
package struct SystemRights: Sendable {
    /// The processors it uses, by number: as many whole ones of those it may run on as its control groups leave it.
    package let processors: [Int]
    /// How many it may run on.
    package let affinity: Int
    /// How much processor time its control groups leave it, in processors; `nil` for no limit.
    package let quota: Double?
    /// Whether its threads may have SCHED_FIFO.
    package let fifo: Bool
    /// Whether its threads may make way for others (SCHED_IDLE).
    package let makesWay: Bool
    /// Whether it may lock enough memory (mlockall).
    package let memoryLock: Bool

    /// Finds out, by trying on a thread of its own where that is the only way.
    package static func probe() -> SystemRights {
        let answer = Answer()
        let thread = DedicatedThread.required(.init(name: "daris-probe")) {
            answer.fifo = daris_set_fifo_priority(1) == 0
            answer.makesWay = daris_make_way() == 0
        }
        thread.join()
        let (affine, quota) = (affineProcessors(), CPUQuota.read())
        return SystemRights(
            processors: usable(affine, quota: quota), affinity: affine.count, quota: quota, fifo: answer.fifo,
            makesWay: answer.makesWay, memoryLock: daris_may_lock_memory() == 1)
    }

    /// The processors this thread may run on, as many as the process's control groups leave it.
    package static func allowedProcessors() -> [Int] { usable(affineProcessors(), quota: CPUQuota.read()) }

    private static func affineProcessors() -> [Int] {
        var processors = [Int32](repeating: 0, count: 1024)
        let count = daris_get_affinity(&processors, Int32(processors.count))
        return count > 0 ? processors.prefix(Int(count)).map(Int.init) : [0]
    }

    /// Whole processors alone: on more, lanes that are busy together would use the quota up before its period ends, and the
    /// system would stop them in the midst of a stage, high-priority ones too. What is left over is for the other threads.
    static func usable(_ processors: [Int], quota: Double?) -> [Int] {
        Array(processors.prefix(quota.map { max(1, Int($0.rounded(.down))) } ?? processors.count))
    }

    /// What a plan says of a quota that counts; `nil` where there is none.
    var quotaNote: String? {
        guard let quota, quota < Double(affinity) else { return nil }
        let used = processors.count == 1 ? "1 core" : "\(processors.count) cores"
        let time = "the control group leaves \(CPUQuota.text(quota)) of \(affinity)"
        return quota < 1
            ? "\(time): stages are stopped in their midst whenever it is used up; give it at least 1"
            : "\(time): \(used) \(processors.count == 1 ? "is" : "are") used"
    }

    /// Keeps all memory of the process from being paged out; `false` if the system refuses.
    static func lockMemory() -> Bool { daris_lock_memory() == 0 }

    private final class Answer: @unchecked Sendable {
        // Unchecked: written by the probing thread, read after it has been joined.
        var fifo = false
        var makesWay = false
    }
}

/// How much processor time control groups leave this process, in processors: 1.5 is three seconds in two.
///
/// The least of what its own group and those above it have counts: `cpu.max` in version 2, `cpu.cfs_quota_us` and
/// `cpu.cfs_period_us` in version 1.
package enum CPUQuota {
    /// The quota; `nil` where there is none.
    ///
    /// - Parameter root: the folder in which `proc` and `sys` are; another one than `/` for tests.
    package static func read(root: String = "/") -> Double? {
        let groups = (try? String(contentsOfFile: root + "/proc/self/cgroup", encoding: .utf8)) ?? ""
        var quotas: [Double] = []
        for line in groups.split(separator: "\n") {
            // Hierarchy, controllers, path; version 2 is hierarchy 0 and names no controllers.
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let mounts: [String]
            if fields[0] == "0", fields[1].isEmpty {
                mounts = ["", "/unified"]
            } else if fields[1].split(separator: ",").contains("cpu") {
                mounts = ["/\(fields[1])", "/cpu", "/cpu,cpuacct", "/cpuacct,cpu"]
            } else {
                continue
            }
            for mount in mounts {
                quotas += ancestors(of: fields[2]).compactMap { quota(of: root + "/sys/fs/cgroup" + mount + $0) }
            }
        }
        return quotas.min()
    }

    /// A group's path and those above it, up to the root's. In a container the path may be one of outside, whose groups are
    /// not to be seen there; the root is the container's own then.
    private static func ancestors(of path: Substring) -> [String] {
        let parts = path.split(separator: "/").filter { $0 != ".." }
        return (0...parts.count).map { count in parts.prefix(count).map { "/" + $0 }.joined() }
    }

    /// A quota in words, such as `1.5 CPUs`.
    package static func text(_ quota: Double) -> String {
        quota == 1 ? "1 CPU" : String(format: "%.4g CPUs", quota)
    }

    private static func quota(of group: String) -> Double? {
        func words(_ file: String) -> [Substring] {
            let text = try? String(contentsOfFile: group + "/" + file, encoding: .utf8)
            return text?.split(whereSeparator: \.isWhitespace) ?? []
        }
        let both = words("cpu.max")
        let fields = both.count == 2 ? both : words("cpu.cfs_quota_us") + words("cpu.cfs_period_us")
        // No limit is 'max' in version 2 and -1 in version 1.
        guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), quota > 0, period > 0
        else { return nil }
        return quota / period
    }
}
