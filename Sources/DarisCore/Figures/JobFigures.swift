/// What became of a group of jobs, of a priority or of a task, and of the requests for them, and the one place where misses,
/// DMR and acceptance are worked out (docs/decisions/0005).
///
/// A server's request becomes a job when it is handed to the scheduler. A job is rejected, by admission; a request is refused,
/// by the server.
package struct JobFigures: Hashable, Sendable {
    /// HP or LP.
    package let priority: Priority
    /// Their fates.
    package var counts = JobCounts()
    /// Completed after the deadline.
    package var late = 0
    /// Dropped since they were cancelled or their task was removed, which is no miss; counted as dropped too.
    package var cancelled = 0
    /// Rejected because their task was removed; counted as rejected too.
    package var removed = 0
    /// Admitted by another context than their task's own.
    package var migrated = 0
    /// Inferences completed: jobs × batch.
    package var inferences = 0
    /// Requests that the server refused before they became jobs.
    package var refused = 0
    /// Requests whose deadline passed while they waited to become jobs, or that had their jobs cancelled: misses, as of jobs
    /// that are dropped at their deadline.
    package var expired = 0
    /// Completed by the deadline, but answered after it: misses, as of jobs that complete late.
    package var answeredLate = 0
    /// In flight, or waiting, though their deadline has passed: misses that are not counted anywhere else. Only the figures of
    /// a run that is over have them.
    package var overdue = 0

    /// No jobs.
    package init(_ priority: Priority) { self.priority = priority }

    /// Neither rejected nor skipped.
    package var accepted: Int { counts.released - counts.rejected - counts.skipped }

    /// Deadlines missed: late, answered late, dropped at the deadline, failed, overdue, expired, and skipped HP releases.
    package var missed: Int {
        late + answeredLate + counts.dropped - cancelled + counts.failed + overdue + expired
            + (priority == .high ? counts.skipped : 0)
    }

    /// The jobs, and the expired requests, that could have missed.
    package var judged: Int {
        Self.judged(priority, accepted: accepted, cancelled: cancelled, skipped: counts.skipped, expired: expired)
    }

    /// Deadline miss rate: `missed` / `judged`, from 0 to 1; 0 if none is judged.
    package var dmr: Double { Self.rate(missed, of: judged) }

    /// What was accepted or not: releases, but those of removed tasks, and refused requests.
    package var offered: Int { Self.offered(released: counts.released, removed: removed, refused: refused) }

    /// `accepted` / `offered`, from 0 to 1; 0 if nothing was offered.
    package var acceptance: Double { Self.rate(accepted, of: offered) }

    /// The jobs and requests that could have missed. Skipped HP releases and expired requests are misses, and so are judged
    /// though they were not accepted.
    static func judged(_ priority: Priority, accepted: Int, cancelled: Int, skipped: Int, expired: Int) -> Int {
        accepted - cancelled + expired + (priority == .high ? skipped : 0)
    }

    /// What was accepted or not.
    static func offered(released: Int, removed: Int, refused: Int) -> Int { released - removed + refused }

    /// A part of a whole, from 0 to 1; 0 if there is no whole.
    package static func rate(_ part: Int, of whole: Int) -> Double { whole <= 0 ? 0 : Double(part) / Double(whole) }

    mutating func recordEnd(_ outcome: JobOutcome, batch: Int) {
        counts.recordEnd(outcome.fate)
        switch (outcome.fate, outcome.reason) {
        case (.dropped, .cancelled), (.dropped, .taskRemoved): cancelled += 1
        case (.rejected, .taskRemoved): removed += 1
        case (.completed, .late): late += 1
        default: break
        }
        if outcome.fate == .completed { inferences += batch }
    }
}

/// How many jobs met which fate.
public struct JobCounts: Hashable, Sendable, Codable {
    /// Jobs released so far.
    public var released = 0
    /// Not admitted, or released though their task was removed.
    public var rejected = 0
    /// Not started, since the previous job was in flight.
    public var skipped = 0
    /// Run to the end.
    public var completed = 0
    /// Given up.
    public var dropped = 0
    /// Hit by a failure.
    public var failed = 0
    /// Released and not yet at an end.
    public var inFlight = 0

    /// No jobs.
    package init() {}

    /// Whether every job is accounted for once: released = rejected + skipped + completed + dropped + failed + in flight.
    package var isBalanced: Bool {
        released == rejected + skipped + completed + dropped + failed + inFlight && inFlight >= 0
    }

    /// Takes note of a release.
    @inlinable
    package mutating func recordRelease() {
        released += 1
        inFlight += 1
    }

    /// Takes note of the end of a job that had been released.
    @inlinable
    package mutating func recordEnd(_ fate: JobFate) {
        inFlight -= 1
        switch fate {
        case .rejected: rejected += 1
        case .skipped: skipped += 1
        case .completed: completed += 1
        case .dropped: dropped += 1
        case .failed: failed += 1
        }
    }

    enum CodingKeys: String, CodingKey {
        case released, rejected, skipped, completed, dropped, failed
        case inFlight = "in_flight"
    }
}
