import CUDADriver
import DarisConfiguration
import DarisCore
import ONNXRuntime

extension CUDADevice: NamedDevice {
    static let kind = DeviceKind.cuda

    /// The periods of tasks say nothing of it, since how long a stage takes is known only once models are cut.
    static let automaticStages: Int? = StageCount.automaticOnGPU

    /// In this process alone, and not of TensorRT: neither is a worker started to cut models, nor every part compiled for minutes.
    static func cuttingFingerprint(_ taskSet: TaskSet) -> String? {
        guard taskSet.isolation == .none, partitionKind(taskSet) != .mps, taskSet.gpu.engine != .tensorrt,
            let library = try? GPUSetup.openDriver(nil, lanes: taskSet.partition.laneCount),
            let facts = try? library.facts(ofDevice: index(of: taskSet))
        else { return nil }
        return "\(facts.name) \(library.version) \(taskSet.gpu)"
    }

    /// In this process alone.
    static func runsBatches(_ taskSet: TaskSet) -> Bool {
        taskSet.partitionKind != .mps && taskSet.isolation == .none
    }

    static func servingPartition(processors: Int) -> Partition {
        Partition(contexts: 1, streams: 4, oversubscription: 1)
    }

    static func check(_ taskSet: TaskSet, environment: Environment) throws(PreparationError) {
        let index = index(of: taskSet)
        let engine = try ONNXRuntimeEngine(
            environment: environment, gpu: index, options: taskSet.gpu, cache: .standard())
        let kind = partitionKind(taskSet)
        let library: CUDALibrary
        do {
            library = try GPUSetup.openDriver(nil, lanes: taskSet.partition.laneCount)
            _ = try library.facts(ofDevice: index)
            if kind == .green { try library.require(.greenContexts) }
        } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
        try engine.check(driver: library.version)
        if kind == .mps, MPSDaemon.findControl() == nil { throw MPSDaemon.missing(gpu: index) }
    }

    static func load(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
        let taskSet = request.taskSet
        // Before the first lane, of whichever process: the others take what it has compiled.
        request.cache.removeIfFresh(EngineFolder.entry)
        if taskSet.isolation == .process || partitionKind(taskSet) == .mps { return try loadWorkers(request) }
        let engine = try ONNXRuntimeEngine(
            environment: request.environment, gpu: index(of: taskSet), options: taskSet.gpu, cache: request.cache)
        return try loadHere(request, engine: engine, driver: nil, meter: meter(of: taskSet))
    }

    /// The meter of the GPU that a task set names; `nil` without a driver.
    private static func meter(of taskSet: TaskSet) -> EnergyMeter? {
        let library = try? GPUSetup.openDriver(nil, lanes: taskSet.partition.laneCount)
        return (try? library?.facts(ofDevice: index(of: taskSet))).map { EnergyMeter(busID: $0.busID) }
    }

    /// The number of the GPU that a task set names.
    static func index(of taskSet: TaskSet) -> Int { kind.index(of: taskSet.device) ?? 0 }

    /// How contexts get their SMs: as the task set says, or without another process.
    static func partitionKind(_ taskSet: TaskSet) -> PartitionKind {
        taskSet.partitionKind ?? (taskSet.partition.contexts == 1 ? .streams : .green)
    }

    /// Loads the models into this process.
    ///
    /// - Parameters:
    ///   - engine: what runs stages.
    ///   - driver: the driver's library; the system's if `nil`.
    ///   - meter: of the GPU.
    static func loadHere(
        _ request: LoadRequest, engine: any StageEngine, driver: String?, meter: EnergyMeter? = nil
    ) throws(PreparationError) -> LoadedDevice {
        let (taskSet, environment, progress) = (request.taskSet, request.environment, request.options.progress)
        let kind = partitionKind(taskSet)
        let setup = GPUSetup(
            index: index(of: taskSet), name: taskSet.device, partition: taskSet.partition, kind: kind,
            options: taskSet.gpu, cachePath: request.cache.path, priorities: taskSet.instancePriorities,
            largestBatch: taskSet.scheduler.largestBatch,
            batchesStayTogether: taskSet.scheduler.follows(.cohesion), seed: taskSet.run.seed,
            fifoPriority: request.fifoPriority)
        let shapes = try GPUSetup.shapes(
            of: request.tasks, models: request.models, environment: environment, progress: progress)
        var notes: [String] = []
        let batches = setup.batches(
            of: request.tasks, models: request.models, shapes: shapes, environment: environment, progress: progress,
            notes: &notes)
        let loaded = try setup.load(
            request.tasks, models: request.models, shapes: shapes, batches: batches, engine: engine, driver: driver,
            library: environment.library, meter: meter, progress: progress)
        let facts = loaded.context.device
        return LoadedDevice(
            device: MachineDevice(loaded.device), name: "\(facts.name) (GPU \(setup.index))", unitName: "SMs",
            units: facts.multiprocessorCount, kind: kind, contextUnits: loaded.parts.units,
            fingerprint: "\(facts.name) \(loaded.context.library.version) \(taskSet.partition) \(kind) \(taskSet.gpu)",
            shapes: shapes, runsBatches: true, notes: notes + loaded.parts.notes)
    }
}
