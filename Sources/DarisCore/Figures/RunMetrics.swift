/// What is counted of a run while it goes on. A driver feeds it the scheduler's commands and the stages that ended.
public struct RunMetrics: Sendable {
    /// What is counted of a group of jobs: of a priority, or of a task.
    public struct Group: Sendable {
        /// Fates of the group's jobs.
        public var jobs = JobCounts()
        /// Completed after the deadline.
        public var late = 0
        /// Dropped because somebody cancelled them or removed their task, which is no miss.
        public var cancelled = 0
        /// Rejected because their task was removed.
        public var removed = 0
        /// Admitted by another context than their task's own.
        public var migrated = 0
        /// Inferences completed: jobs × batch.
        public var inferences = 0
        /// Release to end of the completed jobs.
        public var response = Distribution()
        /// Deadline to end of the jobs that completed late.
        public var lateness = Distribution()
        /// Execution time of the stages that ended, by task; a batch counts once, for the job that leads it.
        public var stages = TimeBuckets(unit: .microseconds(100))

        /// Deadlines missed for good, which never become fewer: a job in flight whose deadline has passed is not among
        /// them yet. Skipped HP releases are.
        public func missed(_ priority: Priority) -> Int {
            late + jobs.dropped - cancelled + jobs.failed + (priority == .high ? jobs.skipped : 0)
        }
    }

    /// HP and LP jobs, by `Priority.rawValue`.
    public private(set) var priorities: [Group]
    /// Jobs by task.
    public private(set) var tasks: ContiguousArray<Group>
    /// Execution time of the stages that ended on each lane.
    public private(set) var busy: ContiguousArray<Nanoseconds>
    /// Stages that ended, of every job by itself.
    public private(set) var stages = 0
    /// Batches of several jobs that ended.
    public private(set) var batches = 0
    /// The stages in them.
    public private(set) var batchedStages = 0
    /// How often each context was lost.
    public private(set) var losses: ContiguousArray<Int>
    /// How often each context came back.
    public private(set) var restores: ContiguousArray<Int>
    /// How long the scheduler took for an event.
    public private(set) var decisions = Distribution(resolution: Nanoseconds(1))
    /// From a stage's end to the start of the next one on the same lane, where one was ready.
    public private(set) var handovers = Distribution(resolution: Nanoseconds(1))
    private let inferences: [Int]
    private let streams: Int

    /// Nothing counted yet.
    public init(_ configuration: SchedulerConfiguration) {
        priorities = Priority.allCases.map { _ in Group() }
        tasks = ContiguousArray(repeating: Group(), count: configuration.tasks.count)
        busy = ContiguousArray(repeating: .zero, count: configuration.partition.lanes)
        inferences = configuration.tasks.map(\.batch)
        losses = ContiguousArray(repeating: 0, count: configuration.partition.contexts)
        restores = losses
        streams = configuration.partition.streams
    }

    /// Counts a release; call it for every `Event.jobReleased`.
    public mutating func recordRelease(task: Int, priority: Priority) {
        priorities[Int(priority.rawValue)].jobs.recordRelease()
        tasks[task].jobs.recordRelease()
    }

    /// Counts a migration; call it for every `Command.admitted` that migrated.
    public mutating func recordMigration(task: Int, priority: Priority) {
        priorities[Int(priority.rawValue)].migrated += 1
        tasks[task].migrated += 1
    }

    /// Counts the end of a job; call it for every `Command.finished`.
    public mutating func recordEnd(_ outcome: JobOutcome) {
        let batch = inferences[outcome.job.task]
        priorities[Int(outcome.priority.rawValue)].recordEnd(outcome, batch: batch)
        tasks[outcome.job.task].recordEnd(outcome, batch: batch)
    }

    /// Counts a stage of a task that ended on a lane, of one job or of `jobs` that ran it together.
    public mutating func recordStage(lane: Int, task: Int, jobs: Int = 1, executionTime: Nanoseconds) {
        stages += jobs
        if jobs > 1 {
            batches += 1
            batchedStages += jobs
        }
        busy[lane] = busy[lane].addingSaturating(executionTime)
        // A damaged record may name a task that there is not.
        if tasks.indices.contains(task) { tasks[task].stages.record(executionTime) }
    }

    /// Counts that a context was lost.
    public mutating func recordLoss(of context: Int) { losses[context] += 1 }

    /// Counts that a lost context came back.
    public mutating func recordRestore(of context: Int) { restores[context] += 1 }

    /// Counts how long a decision took.
    public mutating func recordDecision(_ time: Nanoseconds) { decisions.record(time) }

    /// Counts how long a lane was idle between two stages though the second was ready.
    public mutating func recordHandover(_ time: Nanoseconds) { handovers.record(time) }
}

extension RunMetrics.Group {
    mutating func recordEnd(_ outcome: JobOutcome, batch: Int) {
        jobs.recordEnd(outcome.fate)
        switch (outcome.fate, outcome.reason) {
        case (.dropped, .cancelled), (.dropped, .taskRemoved): cancelled += 1
        case (.rejected, .taskRemoved): removed += 1
        default: break
        }
        guard outcome.fate == .completed else { return }
        inferences += batch
        response.record(outcome.responseTime)
        if outcome.reason == .late {
            late += 1
            lateness.record(outcome.lateness)
        }
    }
}
