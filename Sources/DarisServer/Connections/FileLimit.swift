import Foundation

/// The most files, and so connections, that this process may have open.
package enum FileLimit {
    /// Raises the limit as far as it may be.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }

    /// Files that are kept free for models, records, certificates and workers.
    static let reserve = 64
    /// A server with fewer connections is of no use.
    static let leastConnections = 8

    /// How many connections each listener may have, so that there are always files left for everything else.
    ///
    /// - Parameters:
    ///   - wanted: as the settings have it.
    ///   - listeners: that share the limit.
    /// - Throws: `ServerError` that says how to raise the limit, if hardly any are left.
    static func connections(
        wanted: Int, listeners: Int, files: Int = current, open: Int = openFiles
    ) throws(ServerError) -> Int {
        let left = (files - open - reserve) / max(1, listeners) - beyond
        guard left >= min(wanted, leastConnections) else {
            throw ServerError(
                "this process may have only \(files) files open, of which \(open) are: too few to take connections; "
                    + "raise the limit ('ulimit -n \(open + (wanted + beyond) * listeners + reserve)', "
                    + "LimitNOFILE in a unit of systemd)")
        }
        return min(wanted, left)
    }

    /// Connections of a listener beyond its limit.
    private static let beyond = ConnectionTable.reserve + ConnectionTable.closing

    private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }

    static var current: Int {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? Int(clamping: limit.rlim_cur) : 1_024
    }

    static var openFiles: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }
}
