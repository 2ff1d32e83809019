import DarisConfiguration
import DarisCore
import ONNXRuntime
import Synchronization

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
            environment: environment, cache: cache, threads: threads, probe: ModelProbe(workerExecutable: nil),
            isHalf: taskSet.gpu.precision == .fp16)
        var models: [StagedModel] = []
        for model in taskSet.models {
            models.append(
                try store.staged(model, goal: Preparation.goal(model, in: taskSet, on: type), progress: progress))
        }
        let tasks = taskSet.deviceTasks(taskSet.models)
        var options = Preparation.Options()
        options.progress = progress
        options.cache = cache
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

/// One job on the first lane of a device on which nothing else runs.
final class OneJob<D: Device>: Sendable {
    private let device: D
    private let job: JobID
    private let stages: Int
    private let tensors: JobTensors
    private let error = Mutex<DeviceError?>(nil)
    private let done = Semaphore()

    init(device: D, task: Int, stages: Int, inputs: [[UInt8]]) {
        self.device = device
        job = JobID(task: task, sequence: 0)
        self.stages = stages
        tensors = JobTensors(inputs: inputs, outputSizes: device.tensorSizes(of: task).outputs)
    }

    /// Its outputs, in the order of the model's graph. Call it once.
    func run() throws(DeviceError) -> [[UInt8]] {
        device.setHandler { self.ended($0) }
        launch(stage: 0)
        done.wait()
        device.setHandler { _ in }
        if let error = error.withLock({ $0 }) { throw error }
        return tensors.outputs
    }

    private func launch(stage: Int) { device.launch(job, stage: stage, lane: 0, io: tensors) }

    private func ended(_ end: StageEnd) {
        if let failure = end.error { error.withLock { $0 = failure } }
        if end.error == nil, end.stage + 1 < stages {
            launch(stage: end.stage + 1)
        } else {
            done.post()
        }
    }
}

/// A device that notes how long the host takes for each launch: what a dispatch costs besides the decision. For
/// measurements; a launch takes two looks at the clock longer.
package final class TimedDevice<Base: Device>: Device {
    /// The device itself.
    package let base: Base
    private let clock = MonotonicClock()
    private let launches = Mutex(Distribution(resolution: Nanoseconds(1)))

    /// The device with its launches timed.
    package init(_ base: Base) { self.base = base }

    /// The times of the launches so far.
    package var launchTimes: Distribution { launches.withLock { $0 } }

    /// How many lanes there are.
    package var laneCount: Int { base.laneCount }

    /// The bytes of each input and output of a task's model.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        base.tensorSizes(of: task)
    }

    /// Says whom to tell of the ends of stages.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { base.setHandler(handler) }

    /// Says whom to tell of contexts that are lost and come back.
    package func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        base.setContextHandler(handler)
    }

    /// How many jobs can run a stage together with one of a task.
    package func batchSizes(of task: Int) -> [Int] { base.batchSizes(of: task) }

    /// The lanes that are not express lanes.
    package var ordinaryLanes: [Int] { base.ordinaryLanes }

    /// The processors of the machine that a context's stages run on.
    package func processors(of context: Int) -> [Int] { base.processors(of: context) }

    /// Whether LP stages make way for HP where they can.
    package func setMakingWay(_ isOn: Bool) { base.setMakingWay(isOn) }

    /// Wakes a lane that has been handed a stage.
    package func wake(lane: Int) { base.wake(lane: lane) }

    /// Hands a stage of one or more jobs to an idle lane.
    package func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        let before = clock.now
        base.hand(dispatch, tensors: tensors)
        let time = clock.now - before
        launches.withLock { $0.record(time) }
    }

    /// Makes running stages end early with an error, where the device can.
    package func terminateRunningStages() { base.terminateRunningStages() }

    /// Ends all threads; no stage is running.
    package func shutDown() { base.shutDown() }

    /// Whether `shutDown` ends even a stage that hangs.
    package var canShutDownWhileHanging: Bool { base.canShutDownWhileHanging }

    /// What became of the device on the way.
    package var notes: [String] { base.notes }

    /// The energy that the device has used so far, if it counts it.
    package func energy() -> EnergyReading? { base.energy() }
}

extension Preparation {
    /// The device with its launches timed, and an executor of this task set that runs on it.
    ///
    /// - Parameters:
    ///   - drainLimit: how long jobs in flight may take to end once no more are released.
    ///   - observer: told of every event with the commands it led to, under the scheduler's lock: it must not wait.
    package func timedExecutor(
        drainLimit: Nanoseconds, observer: (@Sendable (Event, Nanoseconds, CommandBuffer) -> Void)? = nil
    ) -> (executor: Executor<TimedDevice<MachineDevice>>, device: TimedDevice<MachineDevice>) {
        let timed = TimedDevice(device)
        var options = Executor<TimedDevice<MachineDevice>>.Options()
        options.timerFIFOPriority = timerFIFOPriority
        options.drainLimit = drainLimit
        options.observer = observer
        let executor = Executor(
            configuration, device: timed, arrivals: arrivals, duration: taskSet.run.duration, options: options)
        return (executor, timed)
    }
}
