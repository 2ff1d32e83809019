import DarisCore

/// How often a worker may be started again: after ever longer delays, and so many times in a span.
struct RestartBudget: Sendable {
    /// The most starts in a span.
    let limit: Int
    let span: Nanoseconds
    private var starts: [Nanoseconds] = []

    /// - Parameters:
    ///   - limit: the most starts in a span, from 1 to 30.
    ///   - span: how long a start counts.
    init(limit: Int = WorkerLimits.startsPerMinute, span: Nanoseconds = .seconds(Int64(60))) {
        self.limit = limit
        self.span = span
    }

    /// Takes a start that is wanted at `now`.
    ///
    /// - Returns: how long to wait before it; `nil` if there were too many in the last span.
    mutating func take(at now: Nanoseconds) -> Nanoseconds? {
        starts.removeAll { now - $0 >= span }
        guard starts.count < limit else { return nil }
        defer { starts.append(now) }
        return Nanoseconds(WorkerLimits.firstDelay.rawValue << Int64(starts.count))
    }
}
