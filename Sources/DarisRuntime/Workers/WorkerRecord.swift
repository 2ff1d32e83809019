/// What has become of a context's workers.
struct WorkerRecord: Sendable, Hashable {
    /// Workers that ended without being told to.
    private(set) var losses = 0
    /// Workers that took their place.
    private(set) var restarts = 0
    /// Why the last one ended.
    private(set) var lastReason: String?
    /// How many times no other one was started for a while.
    private(set) var pauses = 0

    mutating func lost(_ reason: String) {
        losses += 1
        lastReason = reason
    }

    mutating func restarted() { restarts += 1 }

    mutating func paused() { pauses += 1 }

    /// In words for a report; `nil` if there is nothing to say.
    func note(context: Int) -> String? {
        guard losses > 0, let lastReason else { return nil }
        func times(_ count: Int) -> String { count == 1 ? "once" : "\(count) times" }
        let back = restarts == 0 ? "never" : times(restarts)
        let lost = "context \(context) was lost \(times(losses)) and came back \(back): \(lastReason)"
        return pauses == 0 ? lost : "\(lost); it was given up for a pause \(times(pauses))"
    }
}
