import DarisCore

/// A running system at one moment, for those who watch it: what every lane runs, how full every context is, and what
/// has become of every task's jobs.
///
/// ```swift
/// let view = executor.view()
/// for context in view.contexts { print(context.headroom.fraction) }
/// ```
package struct SystemView: Sendable {
    /// The jobs of a task, or of a priority, so far.
    @dynamicMemberLookup
    package struct Jobs: Sendable {
        /// Their fates, and what follows from them; its members are this value's too.
        package var figures: JobFigures
        /// Release to end of the completed jobs.
        package var response = TimeBuckets(unit: .microseconds(100))
        /// Execution times of their stages; of tasks only.
        package var stages = TimeBuckets(unit: .microseconds(100))

        init(_ priority: Priority) { figures = JobFigures(priority) }

        mutating func take(_ group: RunLedger.Group) {
            figures = group.figures
            response = group.response.buckets
            stages = group.stages
        }

        /// A member of the figures.
        package subscript<Value>(dynamicMember member: KeyPath<JobFigures, Value>) -> Value { figures[keyPath: member] }
    }

    /// A task.
    package struct Task: Sendable {
        /// Its jobs.
        package var jobs: Jobs
        /// The context where they start.
        package var home = 0
        /// Whether the task has been taken out.
        package var isRemoved = false
        /// MRETᵢ.
        package var mret = Nanoseconds.zero
        /// uᵢ.
        package var utilisation = Utilisation.zero
        /// Where the MRET of its first stage is in `stageMRET`, and how many stages there are.
        package var stages: Range<Int>
    }

    /// A context.
    package struct Context: Sendable {
        /// What the admission test reads of it.
        package var admission = Admission.Context()
        /// What its lanes can give.
        package var capacity: Utilisation
        /// Stages that wait for one of its lanes.
        package var readyStages = 0
        /// How often it was lost.
        package var losses = 0

        /// What an LP job may still use here: N_s − U_k^HP − U_k^{LP,active}; nothing while it is lost or overfull.
        package var headroom: Utilisation { admission.headroom(of: capacity) }
    }

    /// A stage that runs.
    package struct Stage: Sendable {
        /// Its job.
        package var job: JobID
        /// Its number in the job.
        package var stage: Int
        /// When it was dispatched.
        package var start: Nanoseconds
        /// Its MRET.
        package var mret: Nanoseconds
        /// The job's deadline.
        package var deadline: Nanoseconds
        /// How many jobs run it together.
        package var jobs: Int
    }

    /// A lane.
    package struct Lane: Sendable {
        /// What runs on it now; `nil` if nothing does.
        package var stage: Stage?
        /// The execution time of all that ended on it.
        package var busy = Nanoseconds.zero
    }

    /// When it was taken, since the executor was made.
    package var time = Nanoseconds.zero
    /// The contexts, by index.
    package var contexts: [Context]
    /// The lanes, context by context.
    package var lanes: [Lane]
    /// The tasks, in the order of the task set.
    package var tasks: [Task]
    /// MRETᵢⱼ of all tasks' stages, one task after the other.
    package var stageMRET: [Nanoseconds]
    /// All jobs of high priority.
    package var high = Jobs(.high)
    /// All jobs of low priority.
    package var low = Jobs(.low)
    /// How long the scheduler took for an event.
    package var decisions = TimeBuckets(unit: Nanoseconds(100))
    /// From a stage's end to the start of the next one on the same lane, where one was ready.
    package var handovers = TimeBuckets(unit: Nanoseconds(100))
    /// The stages that ended last, oldest first.
    package var recent: [StageRun] = []
    /// How many stages have ended, the last one of `recent` among them.
    package var stagesEnded = 0

    /// Nothing yet, with room for all.
    init(_ configuration: SchedulerConfiguration) {
        let partition = configuration.partition
        contexts = Array(repeating: Context(capacity: .lanes(partition.streams)), count: partition.contexts)
        lanes = Array(repeating: Lane(), count: partition.laneCount)
        var stages = 0
        tasks = configuration.tasks.map { task in
            defer { stages += task.afet.count }
            return Task(jobs: Jobs(task.priority), stages: stages..<stages + task.afet.count)
        }
        stageMRET = Array(repeating: .zero, count: stages)
        recent.reserveCapacity(RecentStages.limit)
    }
}

/// A stage that has run.
package struct StageRun: Sendable, Hashable {
    /// The lane it ran on.
    package var lane: Int32
    /// Its task.
    package var task: Int32
    /// Its job's number.
    package var sequence: Int
    /// Its number in the job.
    package var stage: Int32
    /// How many jobs ran it together.
    package var jobs: Int32
    /// When the device's word of its end came.
    package var end: Nanoseconds
    /// How long it ran on the device.
    package var executionTime: Nanoseconds

    init(lane: Int, job: JobID, stage: Int, jobs: Int, end: Nanoseconds, executionTime: Nanoseconds) {
        self.lane = Int32(truncatingIfNeeded: lane)
        task = Int32(truncatingIfNeeded: job.task)
        sequence = job.sequence
        self.stage = Int32(truncatingIfNeeded: stage)
        self.jobs = Int32(truncatingIfNeeded: jobs)
        self.end = end
        self.executionTime = executionTime
    }
}

/// The stages that ended last, in a ring of fixed size.
struct RecentStages: Sendable {
    static let limit = 512

    private var runs = ContiguousArray<StageRun>()
    /// How many were taken in.
    private(set) var total = 0

    init() { runs.reserveCapacity(Self.limit) }

    mutating func append(_ run: StageRun) {
        if runs.count < Self.limit { runs.append(run) } else { runs[total % Self.limit] = run }
        total += 1
    }

    /// Appends them to an array that has room, oldest first.
    func copy(into array: inout [StageRun]) {
        let oldest = runs.count < Self.limit ? 0 : total % Self.limit
        array.append(contentsOf: runs[oldest...])
        array.append(contentsOf: runs[..<oldest])
    }
}
