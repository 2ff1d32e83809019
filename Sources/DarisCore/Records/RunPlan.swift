/// What a run is about to do, as it is shown before the run and stored with it.
public struct RunPlan: Codable, Sendable, Hashable {
    /// A context: its share of the device and the tasks placed on it.
    public struct Context: Codable, Sendable, Hashable {
        /// Index.
        public var context: Int
        /// The compute units it may use, by number, where the device tells them apart (the cores of a CPU).
        public var units: [Int]
        /// How many units that is.
        public var quota: Int
        /// Names of the tasks placed on it, HP first.
        public var tasks: [String]
        /// U_k^HP at the start, in lanes.
        public var hpUtilisation: Double
        /// Utilisation of all its tasks at the start, in lanes.
        public var utilisation: Double
    }

    /// A task as it will be scheduled.
    public struct Task: Codable, Sendable, Hashable {
        /// Name.
        public var name: String
        /// Name of its model.
        public var model: String
        /// `HP` or `LP`.
        public var priority: String
        /// The context it is placed on.
        public var context: Int
        /// Tᵢ after scaling to the load.
        public var periodMs: Double
        /// Dᵢ.
        public var deadlineMs: Double
        /// Inferences a job.
        public var batch: Int
        /// AFET of each stage.
        public var stageAfetMs: [Double]
        /// AFETᵢ / Tᵢ.
        public var utilisation: Double
    }

    /// The device in words.
    public var device: String
    /// What its compute units are called: `cores`, `SMs`.
    public var unitName: String
    /// M: how many units it has.
    public var units: Int
    /// Whether the device is a model of one, in virtual time.
    public var simulated: Bool
    /// N_c, N_s and OS.
    public var partition: Partition
    /// STR, MPS or MPS+STR.
    public var partitionPolicy: String
    /// How contexts get their share of the device; `nil` in records from before this was kept.
    public var partitionKind: PartitionKind?
    /// Policy and ablations.
    public var scheduler: SchedulerOptions
    /// The load asked for, as a share of all lanes, if rates were scaled to it.
    public var load: Double?
    /// Utilisation of all tasks over the number of lanes.
    public var totalUtilisation: Double
    /// How long jobs will be released; `nil` for a server, which releases them until it is ended.
    public var durationS: Double?
    /// Seed of release phases and inputs.
    public var seed: UInt64
    /// The contexts.
    public var contexts: [Context]
    /// The tasks, in the order of the task set.
    public var tasks: [Task]
    /// What the user should know: rights that are missing, stages that had to be merged, and the like.
    public var notes: [String]

    /// A plan for a configuration.
    ///
    /// - Parameters:
    ///   - models: the model's name of each task.
    ///   - kind: how contexts get their share of the device.
    ///   - contextUnits: the units of each context, by number; empty where only their number is known.
    ///   - quota: how many units each context may use, where they are not known by number.
    ///   - duration: how long jobs will be released; `nil` if until the run is ended.
    public init(
        _ configuration: SchedulerConfiguration, models: [String], device: String, unitName: String, units: Int,
        kind: PartitionKind, contextUnits: [[Int]], quota: Int? = nil, simulated: Bool, load: Double?,
        duration: Nanoseconds?, seed: UInt64, notes: [String]
    ) {
        self.device = device
        self.unitName = unitName
        self.units = units
        self.simulated = simulated
        self.load = load
        self.seed = seed
        self.notes = notes
        partition = configuration.partition
        partitionPolicy = configuration.partition.policyName
        partitionKind = kind
        scheduler = configuration.options
        durationS = duration?.inSeconds
        tasks = configuration.tasks.indices.map { index in
            let task = configuration.tasks[index]
            return Task(
                name: task.name, model: models[index], priority: task.priority.name,
                context: configuration.homes[index],
                periodMs: task.period.inMilliseconds, deadlineMs: task.deadline.inMilliseconds, batch: task.batch,
                stageAfetMs: task.afet.map(\.inMilliseconds),
                utilisation: Utilisation(executionTime: task.totalAFET, period: task.period).fraction)
        }
        let tasks = tasks
        totalUtilisation = tasks.reduce(0) { $0 + $1.utilisation } / Double(configuration.partition.lanes)
        contexts = contextUnits.indices.map { index in
            let placed = tasks.filter { $0.context == index }
            let high = placed.filter { $0.priority == Priority.high.name }
            let low = placed.filter { $0.priority == Priority.low.name }
            return Context(
                context: index, units: contextUnits[index], quota: quota ?? contextUnits[index].count,
                tasks: (high + low).map(\.name), hpUtilisation: high.reduce(0) { $0 + $1.utilisation },
                utilisation: placed.reduce(0) { $0 + $1.utilisation })
        }
    }
}
