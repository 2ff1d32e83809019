/// What became of a request, where that is more than what became of its job.
package enum RequestEnd: Hashable, Sendable {
    /// The server refused it, before it became a job.
    case refused
    /// Its deadline passed before it became a job, or had its job cancelled.
    case expired
    /// Its job completed by the deadline, but its client was answered after it.
    case answeredLate
}

/// What is counted of a run, from its events and commands alone: by real runs, simulated ones, and replays of records.
///
/// ```swift
/// scheduler.handle(event, at: time, into: &commands)
/// ledger.observe(event, at: time, commands)
/// ```
///
/// Counting touches histograms that are spread over memory, which after a stage has swept the caches costs more than a
/// decision. So a driver may put `Note`s aside, in one line after the other, and have the ledger take them later.
package struct RunLedger: Sendable {
    /// What is counted of a group of jobs: of a priority, or of a task.
    package struct Group: Sendable {
        /// Fates of the group's jobs, and what follows from them.
        package var figures: JobFigures
        /// Release to end of the completed jobs.
        package var response = Distribution()
        /// Deadline to end of the jobs that completed late.
        package var lateness = Distribution()
        /// Execution time of the stages that ended, by task; a batch counts once, for the job that leads it.
        package var stages = TimeBuckets(unit: .microseconds(100))

        init(_ priority: Priority) { figures = JobFigures(priority) }

        mutating func recordEnd(_ outcome: JobOutcome, batch: Int) {
            figures.recordEnd(outcome, batch: batch)
            guard outcome.fate == .completed else { return }
            response.record(outcome.responseTime)
            if outcome.reason == .late { lateness.record(outcome.lateness) }
        }
    }

    /// Something to count; a trivial value.
    package enum Note: Sendable {
        /// An event that the scheduler was told, and when.
        case event(Event, at: Nanoseconds)
        /// A dispatch: its first job, stage and lane, and how many jobs it is of.
        case dispatch(JobID, stage: Int, lane: Int, jobs: Int)
        /// A job of a task went to another context than the task's own.
        case migration(task: Int)
        /// A job ended.
        case end(JobOutcome)
        /// A request for a job of a task ended, and not as its job.
        case request(RequestEnd, task: Int)
        /// Another task has taken the place of one.
        case replaced(task: Int, Priority, batch: Int)
        /// How long the scheduler took for an event.
        case decision(Nanoseconds)
        /// How long a lane was idle between two stages though the second was ready.
        case handover(Nanoseconds)

        /// What is to be counted of a command, if anything.
        package init?(_ command: Command) {
            switch command {
            case .admitted(let job, _, migrated: true): self = .migration(task: job.task)
            case .dispatch(let dispatch):
                self = .dispatch(
                    dispatch.jobs[0], stage: dispatch.stage, lane: dispatch.lane, jobs: dispatch.jobs.count)
            case .finished(let outcome): self = .end(outcome)
            case .admitted, .queued, .wake: return nil
            }
        }
    }

    /// HP and LP jobs, by `Priority.rawValue`.
    package private(set) var priorities: [Group]
    /// Jobs by task.
    package private(set) var tasks: ContiguousArray<Group>
    /// Execution time of the stages that ended on each lane.
    package private(set) var busy: ContiguousArray<Nanoseconds>
    /// Stages that ended, of every job by itself.
    package private(set) var stages = 0
    /// Batches of several jobs that ended.
    package private(set) var batches = 0
    /// The stages in them.
    package private(set) var batchedStages = 0
    /// How often each context was lost.
    package private(set) var losses: ContiguousArray<Int>
    /// How often each context came back.
    package private(set) var restores: ContiguousArray<Int>
    /// How long the scheduler took for an event.
    package private(set) var decisions = Distribution(resolution: Nanoseconds(1))
    /// From a stage's end to the start of the next one on the same lane, where one was ready.
    package private(set) var handovers = Distribution(resolution: Nanoseconds(1))
    /// What runs on each lane: the first job of the dispatch, the stage, and the number of jobs.
    private var running: ContiguousArray<(job: JobID, stage: Int, jobs: Int)?>
    private var batch: [Int]
    private let partition: Partition

    /// Nothing counted yet.
    package init(_ configuration: SchedulerConfiguration) {
        priorities = Priority.allCases.map(Group.init)
        tasks = ContiguousArray(configuration.tasks.map { Group($0.priority) })
        busy = ContiguousArray(repeating: .zero, count: configuration.partition.laneCount)
        running = ContiguousArray(repeating: nil, count: configuration.partition.laneCount)
        batch = configuration.tasks.map(\.batch)
        losses = ContiguousArray(repeating: 0, count: configuration.partition.contexts)
        restores = losses
        partition = configuration.partition
    }

    /// The figures of all jobs of a priority.
    package func figures(_ priority: Priority) -> JobFigures { priorities[Int(priority.rawValue)].figures }

    /// Takes in that another task has taken the place of one: what was counted of that one remains in the figures of its priority
    /// alone.
    package mutating func observe(_ specification: TaskSpecification, replacing task: Int) {
        take(.replaced(task: task, specification.priority, batch: specification.batch))
    }

    /// Takes in an event and the commands that it led to.
    package mutating func observe(_ event: Event, at time: Nanoseconds, _ commands: CommandBuffer) {
        take(.event(event, at: time))
        for command in commands { if let note = Note(command) { take(note) } }
    }

    /// What runs on a lane until the note of its end is taken: the first job, the stage, and the number of jobs. `nil` if
    /// nothing runs there, or another job.
    package func running(_ job: JobID, on lane: Int) -> (job: JobID, stage: Int, jobs: Int)? {
        guard running.indices.contains(lane), let found = running[lane], found.job == job else { return nil }
        return found
    }

    /// Counts something.
    package mutating func take(_ note: Note) {
        switch note {
        case .event(let event, _): take(event)
        case .dispatch(let job, let stage, let lane, let jobs): running[lane] = (job, stage, jobs)
        case .migration(let task): count(task) { $0.figures.migrated += 1 }
        case .end(let outcome):
            let batch = batch[outcome.job.task]
            count(outcome.job.task) { $0.recordEnd(outcome, batch: batch) }
        case .request(.refused, let task): count(task) { $0.figures.refused += 1 }
        case .request(.expired, let task): count(task) { $0.figures.expired += 1 }
        case .request(.answeredLate, let task): count(task) { $0.figures.answeredLate += 1 }
        case .replaced(let task, let priority, let batch):
            tasks[task] = Group(priority)
            self.batch[task] = batch
        case .decision(let time): decisions.record(time)
        case .handover(let time): handovers.record(time)
        }
    }

    private mutating func take(_ event: Event) {
        switch event {
        case .jobReleased(let task, _): count(task) { $0.figures.counts.recordRelease() }
        case .stageCompleted(let lane, let job, let executionTime):
            guard let run = running(job, on: lane) else { return }
            running[lane] = nil
            let time = SchedulerConfiguration.clamped(executionTime)
            stages += run.jobs
            if run.jobs > 1 {
                batches += 1
                batchedStages += run.jobs
            }
            busy[lane] = busy[lane].addingSaturating(time)
            tasks[job.task].stages.record(time)
        case .stageFailed(let lane, let job): if running(job, on: lane) != nil { running[lane] = nil }
        case .contextLost(let context):
            guard losses.indices.contains(context) else { return }
            losses[context] += 1
            for lane in partition.lanes(of: context) { running[lane] = nil }
        case .contextRestored(let context): if restores.indices.contains(context) { restores[context] += 1 }
        case .jobCancelled, .timerFired, .taskRemoved, .taskAdded: break
        }
    }

    /// Counts something of a task's jobs, and of those of its priority.
    private mutating func count(_ task: Int, _ body: (inout Group) -> Void) {
        body(&tasks[task])
        body(&priorities[Int(tasks[task].figures.priority.rawValue)])
    }
}
