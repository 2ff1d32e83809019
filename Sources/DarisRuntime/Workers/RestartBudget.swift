import DarisCore

/// When a worker may be started again: after ever longer delays. After so many starts in a span its context is given up for a
/// pause, which is twice as long each time, until a worker has lived for that span.
struct RestartBudget: Sendable {
    /// The most starts in a span before the context is given up.
    let limit: Int
    let span: Nanoseconds
    /// How long the first pause is.
    let firstPause: Nanoseconds
    private var starts: [Nanoseconds] = []
    /// When the present worker was ready.
    private var ready: Nanoseconds?
    /// How many times in a row the context has been given up.
    private(set) var pauses = 0

    /// - Parameters:
    ///   - limit: the most starts in a span, from 0 to 30.
    ///   - span: how long a start counts.
    init(
        limit: Int = WorkerLimits.startsPerMinute, span: Nanoseconds = .seconds(Int64(60)),
        firstPause: Nanoseconds = WorkerLimits.firstPause
    ) {
        self.limit = limit
        self.span = span
        self.firstPause = firstPause
    }

    /// Whether the context has been given up so many times in a row that it is not to be relied on.
    var isExhausted: Bool { pauses > WorkerLimits.pausesBeforeEnd }

    /// Notes that a worker is ready.
    mutating func started(at now: Nanoseconds) { ready = now }

    /// Takes a start that is wanted at `now`, since there is no worker any more.
    ///
    /// - Returns: how long to wait before it; a pause if `pauses` has gone up.
    mutating func take(at now: Nanoseconds) -> Nanoseconds {
        if let ready, now - ready >= span { pauses = 0 }
        ready = nil
        starts.removeAll { now - $0 >= span }
        guard pauses == 0, starts.count < limit else {
            pauses += 1
            return min(Nanoseconds(firstPause.rawValue << Int64(min(pauses - 1, 20))), WorkerLimits.longestPause)
        }
        defer { starts.append(now) }
        return Nanoseconds(WorkerLimits.firstDelay.rawValue << Int64(starts.count))
    }
}
