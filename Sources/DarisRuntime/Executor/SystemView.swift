public import DarisCore

/// A running system at one moment, for those who watch it: what every lane runs, how full every context is, and what
/// has become of every task's jobs.
///
/// ```swift
/// let view = executor.view()
/// for context in view.contexts { print(context.headroom.fraction) }
/// ```
public struct SystemView: Sendable {
    /// The jobs of a task, or of a priority, so far.
    @dynamicMemberLookup
    public struct Jobs: Sendable {
        /// Their fates, and what follows from them; its members are this value's too.
        public var figures: JobFigures
        /// Release to end of the completed jobs.
        public var response = TimeBuckets(unit: .microseconds(100))
        /// Execution times of their stages; of tasks only.
        public var stages = TimeBuckets(unit: .microseconds(100))

        init(_ priority: Priority) { figures = JobFigures(priority) }

        mutating func take(_ group: RunLedger.Group) {
            figures = group.figures
            response = group.response.buckets
            stages = group.stages
        }

        /// A member of the figures.
        public subscript<Value>(dynamicMember member: KeyPath<JobFigures, Value>) -> Value { figures[keyPath: member] }
    }

    /// A task.
    public struct Task: Sendable {
        /// Its jobs.
        public var jobs: Jobs
        /// The context where they start.
        public var home = 0
        /// Whether the task has been taken out.
        public var isRemoved = false
        /// MRETᵢ.
        public var mret = Nanoseconds.zero
        /// uᵢ.
        public var utilisation = Utilisation.zero
        /// Where the MRET of its first stage is in `stageMRET`, and how many stages there are.
        public var stages: Range<Int>
    }

    /// A context.
    public struct Context: Sendable {
        /// What the admission test reads of it.
        public var admission = Admission.Context()
        /// What its lanes can give.
        public var capacity: Utilisation
        /// Stages that wait for one of its lanes.
        public var readyStages = 0
        /// How often it was lost.
        public var losses = 0

        /// What an LP job may still use here: N_s − U_k^HP − U_k^{LP,active}; nothing while it is lost or overfull.
        public var headroom: Utilisation { admission.headroom(of: capacity) }
    }

    /// A stage that runs.
    public struct Stage: Sendable {
        /// Its job.
        public var job: JobID
        /// Its number in the job.
        public var stage: Int
        /// When it was dispatched.
        public var start: Nanoseconds
        /// Its MRET.
        public var mret: Nanoseconds
        /// The job's deadline.
        public var deadline: Nanoseconds
        /// How many jobs run it together.
        public var jobs: Int
    }

    /// A lane.
    public struct Lane: Sendable {
        /// What runs on it now; `nil` if nothing does.
        public var stage: Stage?
        /// The execution time of all that ended on it.
        public var busy = Nanoseconds.zero
    }

    /// When it was taken, since the executor was made.
    public var time = Nanoseconds.zero
    /// The contexts, by index.
    public var contexts: [Context]
    /// The lanes, context by context.
    public var lanes: [Lane]
    /// The tasks, in the order of the task set.
    public var tasks: [Task]
    /// MRETᵢⱼ of all tasks' stages, one task after the other.
    public var stageMRET: [Nanoseconds]
    /// All jobs of high priority.
    public var high = Jobs(.high)
    /// All jobs of low priority.
    public var low = Jobs(.low)
    /// How long the scheduler took for an event.
    public var decisions = TimeBuckets(unit: Nanoseconds(100))
    /// From a stage's end to the start of the next one on the same lane, where one was ready.
    public var handovers = TimeBuckets(unit: Nanoseconds(100))
    /// The stages that ended last, oldest first.
    public var recent: [StageRun] = []
    /// How many stages have ended, the last one of `recent` among them.
    public var stagesEnded = 0

    /// Nothing yet, with room for all.
    init(_ configuration: SchedulerConfiguration) {
        let partition = configuration.partition
        contexts = Array(repeating: Context(capacity: .lanes(partition.streams)), count: partition.contexts)
        lanes = Array(repeating: Lane(), count: partition.lanes)
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
public struct StageRun: Sendable, Hashable {
    /// The lane it ran on.
    public var lane: Int32
    /// Its task.
    public var task: Int32
    /// Its job's number.
    public var sequence: Int
    /// Its number in the job.
    public var stage: Int32
    /// How many jobs ran it together.
    public var jobs: Int32
    /// When the device's word of its end came.
    public var end: Nanoseconds
    /// How long it ran on the device.
    public var executionTime: Nanoseconds

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
