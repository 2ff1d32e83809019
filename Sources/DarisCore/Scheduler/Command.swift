/// What the scheduler wants done, or tells of a job, in answer to an event.
package enum Command: Hashable, Sendable {
    /// The job is in flight on a context; `migrated` if that is not its task's own.
    case admitted(JobID, context: Int, migrated: Bool)
    /// The job waits for its task's previous job to end (overrun rule `queue`).
    case queued(JobID)
    /// Start a stage on an idle lane, now.
    case dispatch(Dispatch)
    /// The job has met its fate; no command names it again.
    case finished(JobOutcome)
    /// Send `Event.timerFired` at this time. A later `wake` replaces an earlier one.
    case wake(at: Nanoseconds)
}

/// One stage of one or more jobs that runs on a lane as one.
package struct Dispatch: Hashable, Sendable {
    /// The jobs of a dispatch: first the one whose turn it was, then those that run with it in a batch, if any. One job alone
    /// takes no memory of its own.
    package struct Jobs: RandomAccessCollection, Hashable, Sendable {
        var leader: JobID
        var others: [JobID]

        init(_ leader: JobID, with others: [JobID]) {
            self.leader = leader
            self.others = others
        }

        /// 0.
        @inlinable package var startIndex: Int { 0 }
        /// How many there are: at least 1.
        package var endIndex: Int { others.count + 1 }
        /// The job at a place.
        package subscript(place: Int) -> JobID { place == 0 ? leader : others[place - 1] }
    }

    /// The stage, the same of all jobs.
    package var stage: Int
    /// The lane.
    package var lane: Int
    /// The jobs.
    package var jobs: Jobs

    /// A stage of a job on a lane, and of others that run it with the job.
    package init(stage: Int, lane: Int, job: JobID, with others: [JobID] = []) {
        self.stage = stage
        self.lane = lane
        jobs = Jobs(job, with: others)
    }
}

/// The commands of one event, in the order in which they were decided. Reuse one buffer, so that nothing is allocated.
package typealias CommandBuffer = ContiguousArray<Command>
