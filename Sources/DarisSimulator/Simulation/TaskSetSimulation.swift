import DarisConfiguration
import DarisCore

/// A task set prepared for a simulated device: with its networks' costs, measured execution times and placed tasks.
///
/// ```swift
/// let simulation = try TaskSetSimulation(taskSet)
/// let result = simulation.run()
/// ```
package struct TaskSetSimulation: Sendable {
    /// The task set, overrides applied.
    package let taskSet: TaskSet
    /// The device.
    package let gpu: GPUModel
    /// The plan of the run.
    package let plan: RunPlan
    private let simulation: Simulation
    private let arrivals: [ArrivalSequence?]

    /// The scheduler's configuration.
    package var configuration: SchedulerConfiguration { simulation.configuration }

    /// Prepares a task set for its device.
    ///
    /// - Throws: `SimulationError`, a sentence that says what may help.
    package init(_ taskSet: TaskSet) throws(SimulationError) { try self.init(taskSet, on: Self.device(of: taskSet)) }

    /// Prepares a task set for a GPU, whatever device it names.
    ///
    /// - Throws: `SimulationError`, a sentence that says what may help.
    package init(_ taskSet: TaskSet, on gpu: GPUModel) throws(SimulationError) {
        let kind = taskSet.partitionKind ?? .standard(contexts: taskSet.partition.contexts)
        let tasks = try Self.tasks(of: taskSet, on: gpu)
        let afets = Simulation.afets(
            tasks, on: gpu, partition: taskSet.partition, kind: kind, seed: taskSet.run.seed)
        let specifications: [TaskSpecification]
        do { specifications = try taskSet.specifications(afets: afets) } catch { throw SimulationError("\(error)") }
        do {
            simulation = try Simulation(
                specifications, of: tasks, on: gpu, partition: taskSet.partition, kind: kind,
                options: taskSet.scheduler, seed: taskSet.run.seed)
        } catch { throw SimulationError("\(taskSet.source): \(error)") }
        self.taskSet = taskSet
        self.gpu = gpu
        let configuration = simulation.configuration
        arrivals = taskSet.arrivalSequences(
            periods: configuration.tasks.map(\.period), generatingSporadic: true)
        let partition = taskSet.partition
        let size = gpu.granularity
        let windows = partition.windows(groupCount: gpu.processors / size, groupSize: size)
            .map { groups in groups.flatMap { $0 * size..<($0 + 1) * size } }
        plan = RunPlan(
            configuration, models: taskSet.tasks.map(\.model),
            device: gpu.title + (gpu.isMeasured ? "" : ", a prediction"), unitName: "SMs", units: gpu.processors,
            kind: kind, contextUnits: kind == .green ? windows : windows.map { _ in [] },
            quota: kind == .green ? nil : partition.quota(units: gpu.processors, granularity: gpu.granularity),
            simulated: true,
            load: taskSet.load, duration: taskSet.run.duration, seed: taskSet.run.seed,
            notes: ["the device is simulated: \(gpu.source)"] + taskSet.warnings + taskSet.notes(on: configuration)
                + Self.overloadNotes(configuration))
    }

    /// Runs the task set for its duration, until the last job has ended.
    ///
    /// - Parameter observer: Gets every event with its commands.
    package func run(observer: VirtualTimeDriver.Observer? = nil) -> VirtualTimeDriver.Result {
        driver.run(on: simulation.device, observer: observer)
    }

    /// Runs the task set on another GPU than the one that its execution times were measured on: a card is not always as its profile
    /// says.
    ///
    /// - Throws: `SimulationError` with a model whose cost is unknown there.
    package func run(on other: GPUModel) throws(SimulationError) -> VirtualTimeDriver.Result {
        let tasks = try Self.tasks(of: taskSet, on: other)
        return driver.run(
            on: VirtualGPU(
                other, partition: taskSet.partition, kind: simulation.kind, costs: tasks.map(\.stages),
                batched: taskSet.scheduler.largestBatch > 1 ? tasks.map(\.batched) : [], seed: taskSet.run.seed))
    }

    private var driver: VirtualTimeDriver {
        var driver = VirtualTimeDriver(simulation.configuration, duration: taskSet.run.duration)
        driver.arrivals = arrivals
        return driver
    }

    /// The simulated device of a task set.
    ///
    /// - Throws: `SimulationError` if the device is real or unknown.
    package static func device(of taskSet: TaskSet) throws(SimulationError) -> GPUModel {
        guard TaskSet.isSimulated(device: taskSet.device) else {
            throw SimulationError(
                "device \(taskSet.device) is not simulated; choose a simulated one with "
                    + "--device \(GPUCatalogue.names.joined(separator: ", --device ")) or --device FILE.json")
        }
        do { return try GPUCatalogue.device(taskSet.device) } catch { throw SimulationError("\(error)") }
    }

    /// The tasks of a task set with their costs on a device.
    ///
    /// - Parameter stageScale: The stages relative to the task set; 0 leaves every network uncut.
    /// - Throws: `SimulationError` with a model whose cost is unknown.
    package static func tasks(
        of taskSet: TaskSet, on gpu: GPUModel, stageScale: Double = 1
    ) throws(SimulationError) -> [SimulatedTask] {
        guard !taskSet.tasks.isEmpty else {
            throw SimulationError("\(taskSet.source): the task set has no tasks; add at least one under 'tasks'")
        }
        let quota = taskSet.partition.quota(units: gpu.processors, granularity: gpu.granularity)
        let shortest = taskSet.tasks.map(\.period).min() ?? .seconds(Int64(1))
        var costs: [String: (network: String, stages: Int)] = [:]
        for model in taskSet.models {
            let network =
                switch model.source {
                case .builtin(let name): name
                case .file: model.name
                }
            guard let alone = gpu.aloneMs(network, quota: quota) else { continue }
            let declared =
                staysWhole(model, network, in: taskSet, on: gpu)
                ? 1 : stages(of: model, in: taskSet, aloneMs: alone, shortestPeriod: shortest)
            let scaled = Int((Double(declared) * stageScale).rounded())
            costs[model.name] = (network, min(max(1, scaled), Limits.stages.upperBound))
        }
        var tasks: [SimulatedTask] = []
        for task in taskSet.tasks {
            let specification = TaskSpecification(
                name: task.name, period: task.period, deadline: task.deadline, priority: task.priority,
                batch: task.batch, lateness: task.lateness, overrun: task.overrun, afet: [])
            guard let (network, stages) = costs[task.model],
                let simulated = SimulatedTask(specification, network: network, on: gpu, stages: stages)
            else {
                throw SimulationError(
                    "model '\(task.model)' has no known cost on \(gpu.title); known are "
                        + gpu.networkNames.joined(separator: ", ")
                        + ": add one under 'networks' in a device file (docs/gpu-model.md) and give --device FILE.json")
            }
            tasks.append(simulated)
        }
        return tasks
    }

    /// Whether a model whose number of stages is left open stays whole: where batching may then use a batch of 8 jobs, while the other
    /// lanes run such batches too.
    private static func staysWhole(
        _ model: ModelDeclaration, _ network: String, in taskSet: TaskSet, on gpu: GPUModel
    ) -> Bool {
        let jobs = min(BatchingRule.leastWholeBatch, taskSet.scheduler.largestBatch)
        let own = taskSet.tasks.filter { $0.model == model.name }
        guard model.stages == .auto, taskSet.scheduler.follows(.wholeNetworks),
            let deadline = own.map({ $0.deadline ?? $0.period }).min(),
            let batch = own.first?.batch
        else { return false }
        let lanes = taskSet.partition.lanes
        guard let rate = ClosedLoop(network, batch: jobs * batch, lanes: lanes).throughput(on: gpu) else {
            return false
        }
        return BatchingRule.allows(.seconds(Double(jobs * batch * lanes) / rate), within: deadline)
    }

    /// The number of stages of a model; for `auto` by the rule of real runs.
    private static func stages(
        of model: ModelDeclaration, in taskSet: TaskSet, aloneMs: Double, shortestPeriod: Nanoseconds
    ) -> Int {
        guard taskSet.staging else { return 1 }
        switch model.stages {
        case .fixed(let count): return count
        case .auto:
            let longest = shortestPeriod.inMilliseconds * StageCount.automaticShare
            return min(max(1, Int((aloneMs / longest).rounded(.up))), StageCount.automaticLimit)
        }
    }

    /// Notes on contexts whose HP tasks alone overload them: a real run would be refused.
    private static func overloadNotes(_ configuration: SchedulerConfiguration) -> [String] {
        configuration.overloadedContexts.map { context, utilisation, _ in
            let streams = configuration.partition.streams
            return "the high-priority tasks of context \(context) alone need "
                + "\(Quantity.formatNumber((utilisation * 100).rounded() / 100)) of its \(streams) "
                + "lane\(streams == 1 ? "" : "s") by their times under full load"
        }
    }
}

/// Why a task set cannot be simulated.
package struct SimulationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and what may help.
    package let description: String

    init(_ description: String) { self.description = description }
}
