import CUDADriver
import DarisConfiguration
import DarisCore
import ONNXRuntime

extension LoadedDevice {
    /// Finds out whether a GPU can be used as a task set wants it, before anything takes time.
    static func checkGPU(_ index: Int, _ taskSet: TaskSet, environment: Environment) throws(PreparationError) {
        let engine = try ONNXRuntimeEngine(environment: environment, gpu: index, options: taskSet.gpu)
        let kind = gpuKind(taskSet)
        let library: CUDALibrary
        do {
            library = try GPUSetup.openDriver(nil, lanes: taskSet.partition.lanes)
            _ = try library.facts(ofDevice: index)
            if kind == .green { try library.require(.greenContexts) }
        } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
        try engine.check(driver: library.version)
        if kind == .mps, MPSDaemon.findControl() == nil { throw MPSDaemon.missing(gpu: index) }
    }

    /// How contexts get their SMs: as the task set says, or without another process.
    static func gpuKind(_ taskSet: TaskSet) -> PartitionKind {
        taskSet.partitionKind ?? (taskSet.partition.contexts == 1 ? .streams : .green)
    }

    /// The contexts of a GPU, in this process.
    static func gpu(
        _ index: Int, _ taskSet: TaskSet, tasks: [DeviceTask], models: [StagedModel], environment: Environment,
        fifoPriority: Int, progress: @escaping StepHandler
    ) throws(PreparationError) -> LoadedDevice {
        let engine = try ONNXRuntimeEngine(environment: environment, gpu: index, options: taskSet.gpu)
        return try gpu(
            index, taskSet, tasks: tasks, models: models, environment: environment, engine: engine, driver: nil,
            fifoPriority: fifoPriority, progress: progress)
    }

    /// - Parameters:
    ///   - engine: what runs stages.
    ///   - driver: the driver's library; the system's if `nil`.
    static func gpu(
        _ index: Int, _ taskSet: TaskSet, tasks: [DeviceTask], models: [StagedModel], environment: Environment,
        engine: any StageEngine, driver: String?, fifoPriority: Int, progress: @escaping StepHandler
    ) throws(PreparationError) -> LoadedDevice {
        let kind = gpuKind(taskSet)
        let setup = GPUSetup(
            index: index, name: taskSet.device, partition: taskSet.partition, kind: kind, options: taskSet.gpu,
            priorities: taskSet.instancePriorities, largestBatch: taskSet.scheduler.largestBatch,
            seed: taskSet.run.seed, fifoPriority: fifoPriority)
        let shapes = try GPUSetup.shapes(of: tasks, models: models, environment: environment, progress: progress)
        var notes: [String] = []
        let batches = setup.batches(
            of: tasks, models: models, shapes: shapes, environment: environment, progress: progress, notes: &notes)
        let loaded = try setup.load(
            tasks, models: models, shapes: shapes, batches: batches, engine: engine, driver: driver,
            library: environment.library,
            progress: progress)
        let facts = loaded.context.device
        return LoadedDevice(
            device: .cuda(loaded.device), name: "\(facts.name) (GPU \(index))", unitName: "SMs",
            units: facts.multiprocessorCount, kind: kind, contextUnits: loaded.parts.units,
            fingerprint: "\(facts.name) \(loaded.context.library.version) \(taskSet.partition) \(kind) \(taskSet.gpu)",
            shapes: shapes, notes: notes + loaded.parts.notes)
    }
}
