/// What a run is about to do, as it is shown before the run and stored with it.
package struct RunPlan: Codable, Sendable, Hashable {
    /// A context: its share of the device and the tasks placed on it.
    package struct Context: Codable, Sendable, Hashable {
        /// Index.
        package var context: Int
        /// The compute units it may use, by number, where the device tells them apart (the cores of a CPU).
        package var units: [Int]
        /// How many units that is.
        package var quota: Int
        /// Names of the tasks placed on it, HP first.
        package var tasks: [String]
        /// U_k^HP at the start, in lanes.
        package var hpUtilisation: Double
        /// Utilisation of all its tasks at the start, in lanes.
        package var utilisation: Double
    }

    /// A task as it will be scheduled.
    package struct Task: Codable, Sendable, Hashable {
        /// Name.
        package var name: String
        /// Name of its model.
        package var model: String
        /// `HP` or `LP`.
        package var priority: String
        /// The context that its first instance is placed on.
        package var context: Int
        /// How many jobs of it may be in flight at a time; `nil` stands for one.
        package var instances: Int?
        /// The context of each instance, if there are several.
        package var instanceContexts: [Int]?
        /// Tᵢ after scaling to the load.
        package var periodMs: Double
        /// Dᵢ.
        package var deadlineMs: Double
        /// Inferences a job.
        package var batch: Int
        /// AFET of each stage.
        package var stageAfetMs: [Double]
        /// AFETᵢ / Tᵢ, of each job in flight.
        package var utilisation: Double

        /// The context of each instance.
        package var contexts: [Int] { instanceContexts ?? [context] }

        /// A task that runs a model and whose instances start on these contexts.
        package init(_ task: TaskSpecification, model: String, homes: [Int]) {
            name = task.name
            self.model = model
            priority = task.priority.name
            context = homes[0]
            instances = homes.count > 1 ? homes.count : nil
            instanceContexts = homes.count > 1 ? homes : nil
            periodMs = task.period.inMilliseconds
            deadlineMs = task.deadline.inMilliseconds
            batch = task.batch
            stageAfetMs = task.afet.map(\.inMilliseconds)
            utilisation = Utilisation(executionTime: task.totalAFET, period: task.period).fraction
        }

        /// Whether it is a place for a task that comes later.
        package var isSpare: Bool { name.isEmpty }
    }

    /// The device in words.
    package var device: String
    /// What its compute units are called: `cores`, `SMs`.
    package var unitName: String
    /// M: how many units it has.
    package var units: Int
    /// Whether the device is a model of one, in virtual time.
    package var simulated: Bool
    /// N_c, N_s and OS.
    package var partition: Partition
    /// STR, MPS or MPS+STR.
    package var partitionPolicy: String
    /// How contexts get their share of the device; `nil` in records from before this was kept.
    package var partitionKind: PartitionKind?
    /// Policy and ablations.
    package var scheduler: SchedulerOptions
    /// The load asked for, as a share of all lanes, if rates were scaled to it.
    package var load: Double?
    /// Utilisation of all tasks over the number of lanes.
    package var totalUtilisation: Double
    /// How long jobs will be released; `nil` for a server, which releases them until it is ended.
    package var durationS: Double?
    /// Seed of release phases and inputs.
    package var seed: UInt64
    /// The contexts.
    package var contexts: [Context]
    /// The tasks, in the order of the task set.
    package var tasks: [Task]
    /// What the user should know: rights that are missing, stages that had to be merged, and the like.
    package var notes: [String]

    /// A plan for a configuration.
    ///
    /// - Parameters:
    ///   - models: the model's name of each task.
    ///   - kind: how contexts get their share of the device.
    ///   - contextUnits: the units of each context, by number; empty where only their number is known.
    ///   - quota: how many units each context may use, where they are not known by number.
    ///   - duration: how long jobs will be released; `nil` if until the run is ended.
    package init(
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
        let instances = configuration.instances
        tasks = configuration.tasks.indices.map { index in
            Task(
                configuration.tasks[index], model: models[index],
                homes: Array(configuration.homes[instances[index]]))
        }
        let tasks = tasks
        totalUtilisation =
            tasks.reduce(0) { $0 + $1.utilisation * Double($1.contexts.count) } / Double(configuration.partition.lanes)
        contexts = contextUnits.indices.map { index in
            func utilisation(_ tasks: [Task]) -> Double {
                tasks.reduce(0) { $0 + $1.utilisation * Double($1.contexts.count { $0 == index }) }
            }
            let placed = tasks.filter { $0.contexts.contains(index) && !$0.isSpare }
            let high = placed.filter { $0.priority == Priority.high.name }
            let low = placed.filter { $0.priority == Priority.low.name }
            return Context(
                context: index, units: contextUnits[index], quota: quota ?? contextUnits[index].count,
                tasks: (high + low).map(\.name), hpUtilisation: utilisation(high), utilisation: utilisation(placed))
        }
    }
}
