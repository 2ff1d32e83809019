/// What happened outside the scheduler. Every event goes in with the time at which it happened.
public enum Event: Hashable, Sendable {
    /// A job of a task is released. `relativeDeadline` overrides the task's own Dᵢ for this job.
    case jobReleased(task: Int, relativeDeadline: Nanoseconds? = nil)
    /// The stage running on a lane has ended after `executionTime` on the device. `job` is the one that was dispatched;
    /// those that joined it have ended with it.
    case stageCompleted(lane: Int, job: JobID, executionTime: Nanoseconds)
    /// The stage running on a lane could not be run. If jobs had joined, each is tried again by itself.
    case stageFailed(lane: Int, job: JobID)
    /// Nobody wants the outcome of a job any more.
    case jobCancelled(JobID)
    /// The time asked for with `Command.wake` has come.
    case timerFired
    /// A context can run nothing any more; what ran on its lanes is gone.
    case contextLost(Int)
    /// A lost context is back, all its lanes idle.
    case contextRestored(Int)
    /// A task is taken out: its job in flight runs on to its end, nothing else of it runs until it is added again.
    case taskRemoved(Int)
    /// A task that was taken out is back, and placed anew. At the start all tasks are in.
    case taskAdded(Int)
}
