/// What the scheduler wants done, or tells of a job, in answer to an event.
public enum Command: Hashable, Sendable {
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
public struct Dispatch: Hashable, Sendable {
    /// The stage, the same of all jobs.
    public var stage: Int
    /// The lane.
    public var lane: Int
    /// The jobs: first the one whose turn it was, then those that run with it in a batch, if any.
    public var jobs: [JobID]

    /// A stage of some jobs on a lane.
    public init(stage: Int, lane: Int, jobs: [JobID]) {
        self.stage = stage
        self.lane = lane
        self.jobs = jobs
    }
}

/// The commands of one event, in the order in which they were decided. Reuse one buffer, so that nothing is allocated.
public typealias CommandBuffer = ContiguousArray<Command>
