import DarisCore

/// What became of a group of jobs.
public struct JobFigures: Hashable, Sendable {
    /// Jobs released.
    public let released: Int
    /// Neither rejected nor skipped.
    public let accepted: Int
    /// Rejected by the admission test, or because no context was left.
    public let rejected: Int
    /// Not started, since the task's previous job was in flight.
    public let skipped: Int
    /// Run to the end, in time or late.
    public let completed: Int
    /// Completed after the deadline.
    public let late: Int
    /// Given up: at the deadline under `late: drop`, or cancelled.
    public let dropped: Int
    /// Given up because they were cancelled; counted in `dropped` too.
    public let cancelled: Int
    /// Hit by a failure of a stage or of a context.
    public let failed: Int
    /// Released and not at an end.
    public let inFlight: Int
    /// Deadlines missed: late, dropped at the deadline, failed; of high priority also skipped.
    public let missed: Int
    /// DMR, the share of jobs that missed their deadline, of those that could have: from 0 to 1.
    public let deadlineMissRate: Double
    /// Accepted / released, from 0 to 1.
    public let acceptance: Double

    init(_ figures: DarisCore.JobFigures) {
        released = figures.counts.released
        accepted = figures.accepted
        rejected = figures.counts.rejected
        skipped = figures.counts.skipped
        completed = figures.counts.completed
        late = figures.late
        dropped = figures.counts.dropped
        cancelled = figures.cancelled
        failed = figures.counts.failed
        inFlight = figures.counts.inFlight
        missed = figures.missed
        deadlineMissRate = figures.dmr
        acceptance = figures.acceptance
    }

    init(_ group: DarisCore.RunSummary.Group) {
        released = group.released
        accepted = group.accepted
        rejected = group.rejected
        skipped = group.skipped
        completed = group.completed
        late = group.late
        dropped = group.dropped
        cancelled = group.cancelled
        failed = group.failed
        inFlight = group.inFlight
        missed = group.missed
        deadlineMissRate = group.dmr
        acceptance = group.acceptance
    }
}
