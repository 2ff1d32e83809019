import CUDADriver
import DarisConfiguration
import DarisCore
import ONNXRuntime

extension LoadedDevice {
    /// Finds out whether a GPU can be used as a task set wants it, before anything takes time.
    static func checkGPU(_ index: Int, _ taskSet: TaskSet, environment: Environment) throws(PreparationError) {
        let engine = try ONNXRuntimeEngine(environment: environment, gpu: index, options: taskSet.gpu)
        let kind = gpuKind(taskSet)
        do {
            let library = try openDriver(nil, lanes: taskSet.partition.lanes)
            _ = try library.facts(ofDevice: index)
            if kind == .green { try library.require(.greenContexts) }
        } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
        try engine.loadProvider()
        if kind == .mps, MPSDaemon.findControl() == nil { throw MPSDaemon.missing(gpu: index) }
    }

    /// How contexts get their SMs: as the task set says, or without another process.
    static func gpuKind(_ taskSet: TaskSet) -> PartitionKind {
        taskSet.partitionKind ?? (taskSet.partition.contexts == 1 ? .streams : .green)
    }

    /// The driver, with a hardware queue a lane as far as there are any: lanes that share one wait for each other.
    private static func openDriver(_ path: String?, lanes: Int) throws(CUDAError) -> CUDALibrary {
        try CUDALibrary.open(path: path, maxConnections: min(32, max(8, lanes)))
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
        let partition = taskSet.partition
        let kind = gpuKind(taskSet)
        let device = taskSet.device
        progress("opening the GPU")
        let context: CUDAContext
        let contexts: GPUContexts
        do {
            context = try CUDAContext(library: try openDriver(driver, lanes: partition.lanes), device: index)
            contexts = try GPUContexts.make(partition, kind: kind, on: context)
        } catch {
            throw .device(name: device, reason: error.description)
        }
        var shapes: [DeviceTask: TensorShapes] = [:]
        // On all cores, since a large batch takes seconds on one.
        let stages = CPUStageLoader(environment: environment, coreSets: [SystemRights.allowedProcessors()])
        for (model, staged) in models.enumerated() {
            progress("finding the tensors of \(staged.name)")
            let sessions = try stages.sessions(staged).map { $0[0] }
            for task in tasks where task.model == model && shapes[task] == nil {
                shapes[task] = try TensorShapes.discover(staged, stages: sessions, batch: task.batch)
            }
        }
        let loader = CUDALoader(
            context: context, engine: engine, options: taskSet.gpu, name: device, fifoPriority: fifoPriority,
            progress: progress)
        let parts = try loader.load(
            tasks, priorities: taskSet.tasks.map(\.priority), models: models, shapes: shapes, contexts: contexts,
            library: environment.library,
            seed: taskSet.run.seed)
        let facts = context.device
        return LoadedDevice(
            device: .cuda(CUDADevice(parts)), name: "\(facts.name) (GPU \(index))", unitName: "SMs",
            units: facts.multiprocessorCount, kind: kind, contextUnits: parts.units,
            fingerprint: "\(facts.name) \(context.library.version) \(partition) \(kind) \(taskSet.gpu)",
            notes: parts.notes)
    }
}
