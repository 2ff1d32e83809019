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
    /// A job and the instance of its task that it is.
    public struct Member: Hashable, Sendable {
        /// The job.
        public var job: JobID
        /// Its place among the instances of all tasks, by which devices know its tensors. It follows from the job, so that
        /// members are equal if their jobs are.
        public var instance: Int

        /// A job in an instance of its task.
        public init(_ job: JobID, instance: Int) {
            self.job = job
            self.instance = instance
        }

        /// Whether the jobs are the same.
        public static func == (a: Member, b: Member) -> Bool { a.job == b.job }
        /// Hashes the job.
        public func hash(into hasher: inout Hasher) { hasher.combine(job) }
    }

    /// The jobs of a dispatch: first the one whose turn it was, then those that run with it in a batch, if any. One job alone
    /// takes no memory of its own.
    public struct Jobs: RandomAccessCollection, Hashable, Sendable {
        private var leader: Member
        private var others: [Member]

        init(_ leader: Member, with others: [Member]) {
            self.leader = leader
            self.others = others
        }

        /// Which of the instances of all tasks the job at a place is.
        public func instance(at place: Int) -> Int { place == 0 ? leader.instance : others[place - 1].instance }

        /// 0.
        @inlinable public var startIndex: Int { 0 }
        /// How many there are: at least 1.
        public var endIndex: Int { others.count + 1 }
        /// The job at a place.
        public subscript(place: Int) -> JobID { place == 0 ? leader.job : others[place - 1].job }
    }

    /// The stage, the same of all jobs.
    public var stage: Int
    /// The lane.
    public var lane: Int
    /// The jobs.
    public var jobs: Jobs

    /// A stage of a job on a lane, and of others that run it with the job.
    public init(stage: Int, lane: Int, job: Member, with others: [Member] = []) {
        self.stage = stage
        self.lane = lane
        jobs = Jobs(job, with: others)
    }

    /// A stage of jobs of tasks that have one instance each, as all tasks do.
    public init(stage: Int, lane: Int, job: JobID, with others: [JobID] = []) {
        self.init(
            stage: stage, lane: lane, job: Member(job, instance: job.task),
            with: others.map { Member($0, instance: $0.task) })
    }
}

/// The commands of one event, in the order in which they were decided. Reuse one buffer, so that nothing is allocated.
public typealias CommandBuffer = ContiguousArray<Command>

/// What happened outside the scheduler. Every event goes in with the time at which it happened.
public enum Event: Hashable, Sendable {
    /// A job of a task is released. `relativeDeadline` overrides the task's own Dᵢ for this job.
    case jobReleased(task: Int, relativeDeadline: Nanoseconds? = nil)
    /// The stage running on a lane has ended after `executionTime` on the device. `job` is the one that was dispatched;
    /// those that joined it have ended with it.
    case stageCompleted(lane: Int, job: JobID, executionTime: Nanoseconds)
    /// The stage running on a lane could not be run. If jobs had joined, each is tried again by itself.
    case stageFailed(lane: Int, job: JobID)
    /// A job is cancelled.
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
