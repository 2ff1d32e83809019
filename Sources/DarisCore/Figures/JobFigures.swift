/// What became of a group of jobs, of a priority or of a task, and the one place where misses, DMR and acceptance are worked
/// out (docs/decisions/0005).
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
    /// In flight, or waiting, though their deadline has passed: misses that are not counted anywhere else. Only the figures of
    /// a run that is over have them.
    package var overdue = 0

    /// No jobs.
    package init(_ priority: Priority) { self.priority = priority }

    /// Neither rejected nor skipped.
    package var accepted: Int { counts.released - counts.rejected - counts.skipped }

    /// Deadlines missed: late, dropped at the deadline, failed, overdue, and skipped HP releases.
    package var missed: Int {
        late + counts.dropped - cancelled + counts.failed + overdue + (priority == .high ? counts.skipped : 0)
    }

    /// The jobs that could have missed.
    package var judged: Int {
        Self.judged(priority, accepted: accepted, cancelled: cancelled, skipped: counts.skipped)
    }

    /// Deadline miss rate: `missed` / `judged`, from 0 to 1; 0 if none is judged.
    package var dmr: Double { Self.rate(missed, of: judged) }

    /// Accepted / released, from 0 to 1; releases of removed tasks are not counted.
    package var acceptance: Double { Self.rate(accepted, of: counts.released - removed) }

    /// The jobs that could have missed. Skipped HP releases are misses, and so are judged though they were not accepted.
    static func judged(_ priority: Priority, accepted: Int, cancelled: Int, skipped: Int) -> Int {
        accepted - cancelled + (priority == .high ? skipped : 0)
    }

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
