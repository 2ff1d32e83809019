import DarisConfiguration
import DarisCore
import ONNXRuntime

/// A device with the models of a task set on it, to measure stages without a scheduler and without releases. Task i
/// belongs to lane i modulo the number of lanes.
///
/// ```swift
/// let bench = try StageBench(taskSet, cache: .standard()) { print($0) }
/// defer { bench.shutDown() }
/// let alone = try bench.stageTimes(busyNeighbours: 0)
/// ```
package final class StageBench: Sendable {
    /// The device.
    package let device: MachineDevice
    /// What it is called.
    package let name: String
    /// How many SMs or cores it has.
    package let units: Int
    /// How contexts got their share of them.
    package let kind: PartitionKind
    /// How many SMs or cores a context may use.
    package let quota: Int
    /// The models, as they were cut.
    package let models: [StagedModel]
    /// What the user should know, such as stages that could not be captured.
    package let notes: [String]
    private let stageCounts: [Int]

    /// Cuts and loads the models of a task set; nothing is measured but what cutting needs.
    ///
    /// - Throws: `PreparationError`, a sentence that says what would help.
    package init(
        _ taskSet: TaskSet, cache: CacheFolder, progress: @escaping StepHandler = { _ in }
    ) throws(PreparationError) {
        let environment = try Preparation.openEnvironment()
        let processors = SystemRights.allowedProcessors()
        let type = try MachineDevice.type(of: taskSet.device)
        let threads = type.cuttingThreads(taskSet.partition, processors: processors.count)
        let store = ModelStore(
            environment: environment, cache: cache, threads: threads, probe: ModelProbe(workerExecutable: nil))
        var models: [StagedModel] = []
        for model in taskSet.models {
            models.append(
                try store.staged(model, goal: Preparation.goal(model, in: taskSet, on: type), progress: progress))
        }
        let tasks = taskSet.deviceTasks(taskSet.models)
        var options = Preparation.Options()
        options.progress = progress
        let loaded = try type.load(
            LoadRequest(
                taskSet: taskSet, tasks: tasks, models: models, environment: environment, processors: processors,
                options: options))
        device = loaded.device
        name = loaded.name
        units = loaded.units
        kind = loaded.kind
        quota = loaded.quota ?? loaded.contextUnits.first?.count ?? loaded.units
        notes = loaded.notes
        stageCounts = tasks.map { models[$0.model].stages.count }
        self.models = models
    }

    /// Bytes of the weights of all models, as their stages' files have them.
    package var weightBytes: Int { models.reduce(0) { $0 + $1.fileBytes } }

    /// The mean time of each stage of the first task, while the lanes of the tasks after it run theirs.
    ///
    /// - Parameter neighbours: how many other lanes are kept busy, each by stages of its own task.
    /// - Throws: what the device said, if a stage failed every time.
    package func stageTimes(busyNeighbours neighbours: Int) throws(DeviceError) -> [Nanoseconds] {
        precondition(
            (0..<device.laneCount).contains(neighbours) && neighbours < stageCounts.count,
            "a lane that is kept busy needs a task")
        // Lanes to which no task falls stay idle.
        let profiler = LoadProfiler(device: device, stageCounts: Array(stageCounts.prefix(neighbours + 1)), seed: 1)
        return try profiler.afet(of: 0)
    }

    /// Jobs a second where the first lanes run their tasks one job after another.
    package func closedLoop(
        lanes: Int, warmUp: Nanoseconds, duration: Nanoseconds
    ) throws(DeviceError) -> ClosedLoop<MachineDevice>.Result {
        try ClosedLoop(
            device: device, stageCounts: Array(stageCounts.prefix(lanes)), warmUp: warmUp, duration: duration
        ).run()
    }

    /// The outputs of a task's model on these inputs, by one job on the first lane.
    package func outputs(of task: Int, inputs: [[UInt8]]) throws(DeviceError) -> [[UInt8]] {
        try OneJob(device: device, task: task, stages: stageCounts[task], inputs: inputs).run()
    }

    /// Ends the device's threads and releases what it holds.
    package func shutDown() { device.shutDown() }
}
