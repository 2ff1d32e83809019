import DarisConfiguration
import DarisCore
import Foundation
import Logging
import NIOCore

/// All that clients hold open, over HTTP and gRPC, and the bytes of their requests.
final class Connections: Sendable {
    let http: ConnectionTable
    let grpc: ConnectionTable
    /// Of the listener for metrics alone.
    let metrics = ConnectionTable(limit: Connections.metricsLimit)
    let budget: ByteBudget
    /// Streams of gRPC, each a call.
    private let calls = ConnectionTable(limit: .max)
    private let limits: CallGuard.Limits
    /// What answers the calls for inferences.
    private let place: GRPCInference.Place
    /// How long a connection of gRPC may have no call before it is closed as it is. The library asks the client for its
    /// consent first, when it has been idle as long as it may; a silent client does not give it.
    private let longestIdle: TimeAmount

    /// - Throws: `ServerError` if this process may have too few files open.
    init(_ settings: ServeSettings, _ place: GRPCInference.Place, logger: Logger) throws(ServerError) {
        let bounds = settings.bounds
        let listeners = [settings.http, settings.grpc].count { $0 != nil }
        let forMetrics = settings.metrics.address == nil ? 0 : Self.metricsLimit + FileLimit.beyond
        let limit = try FileLimit.connections(
            wanted: bounds.connections, listeners: listeners, open: FileLimit.openFiles + forMetrics)
        if limit < bounds.connections {
            logger.warning(
                """
                connections are limited to \(limit), not \(bounds.connections), for HTTP and gRPC each: this process may \
                have only \(FileLimit.current) files open (ulimit -n)
                """)
        }
        http = ConnectionTable(limit: limit)
        grpc = ConnectionTable(limit: limit)
        budget = ByteBudget(limit: bounds.memory)
        self.place = place
        limits = CallGuard.Limits(
            budget: budget, body: bounds.body, receive: .nanoseconds(bounds.receive.rawValue),
            idle: .nanoseconds(bounds.idle.rawValue))
        longestIdle = .nanoseconds(bounds.idle.rawValue) + .seconds(1)
    }

    /// The most connections for metrics alone.
    private static let metricsLimit = 16

    /// Connections and calls that are open.
    var open: Int { [http, grpc, metrics, calls].reduce(0) { $0 + $1.figures.open } }

    func end(telling signal: ConnectionSignal) {
        for table in [calls, http, grpc, metrics] { table.end(telling: signal) }
    }

    func closeAll() { for table in [http, grpc, metrics] { table.closeAll() } }

    // MARK: - gRPC

    /// Takes in a connection of gRPC.
    func accept(connection: any Channel) -> EventLoopFuture<Void> {
        guard grpc.opened(connection) else { return connection.close() }
        connection.closeFuture.whenComplete { [grpc] _ in grpc.closed(connection) }
        closeIfIdle(connection, in: longestIdle)
        return connection.eventLoop.makeSucceededVoidFuture()
    }

    private func closeIfIdle(_ connection: any Channel, in time: TimeAmount) {
        connection.eventLoop.scheduleTask(in: time) { [self] in
            guard let idle = grpc.idleTime(connection) else { return }
            if idle >= longestIdle { return connection.close(promise: nil) }
            closeIfIdle(connection, in: longestIdle - idle)
        }
    }

    /// Takes in a call, which makes its connection busy until it ends.
    func accept(call: any Channel) -> EventLoopFuture<Void> {
        // A call that has hardly begun cannot be closed yet: it is told when its headers have come.
        let isEnding = !calls.opened(call)
        let isRefused = isEnding || call.parent.map { grpc.standing($0) == .healthOnly } ?? false
        // One that comes at the end is not told of it, so it is not waited for.
        let limits = isEnding ? limits.hurried : limits
        calls.begin(call)
        if let connection = call.parent { grpc.begin(connection) }
        call.closeFuture.whenComplete { [calls, grpc] _ in
            calls.closed(call)
            // The last answer is on its way, and a silent client would not agree to part.
            if let connection = call.parent, grpc.finish(connection) {
                connection.eventLoop.scheduleTask(in: .milliseconds(100)) { connection.close(promise: nil) }
            }
        }
        return call.eventLoop.makeCompletedFuture { [place] in
            let watch = CallGuard(limits, channel: call, isHealthOnly: isRefused)
            try call.pipeline.syncOperations.addHandlers(
                [watch, GRPCInference(place, share: watch.share)], position: .first)
        }
    }
}

/// The most files, and so connections, that this process may have open.
package enum FileLimit {
    /// Raises the limit as far as it may be.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }

    /// Files that are kept free for models, records, certificates and workers, and for regions of shared memory.
    static let reserve = 64 + SharedMemoryRegions.limit
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
    fileprivate static let beyond = ConnectionTable.reserve + ConnectionTable.closing

    private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }

    static var current: Int {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? Int(clamping: limit.rlim_cur) : 1_024
    }

    static var openFiles: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }
}
