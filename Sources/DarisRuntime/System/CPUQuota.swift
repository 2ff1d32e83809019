import Foundation

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
