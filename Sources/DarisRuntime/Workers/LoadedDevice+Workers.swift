import DarisConfiguration
import DarisCore
import ONNXRuntime

extension LoadedDevice {
    /// Loads the models into worker processes, each with one context's cores of the CPU.
    ///
    /// - Parameter library: ONNX Runtime's file.
    static func cpuWorkers(
        _ taskSet: TaskSet, tasks: [DeviceTask], models: [StagedModel], library: String, processors: [Int],
        fifoPriority: Int, options: Preparation.Options
    ) throws(PreparationError) -> LoadedDevice {
        let partition = taskSet.partition
        let coreSets = CoreSets.sets(partition, processors: processors)
        let path: String
        do throws(DeviceError) {
            path = try WorkerExecutable.find(options.workerExecutable)
        } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
        options.progress("starting \(partition.contexts) worker process\(partition.contexts == 1 ? "" : "es")")
        let plans = coreSets.enumerated().map { index, cores in
            WorkerDevice.ContextPlan(
                specification: WorkerSpecification(
                    context: index, device: .cpu(cores: cores), streams: partition.streams, tasks: tasks,
                    models: models, seed: taskSet.run.seed, fifoPriority: fifoPriority, locksMemory: options.realTime,
                    library: library),
                processors: cores)
        }
        let device = try WorkerDevice(plans, program: path, progress: options.progress)
        return LoadedDevice(
            device: .workers(device), name: "CPU (\(CPUFacts.name))", unitName: "cores", units: processors.count,
            kind: .cores, contextUnits: coreSets, fingerprint: "\(partition) \(coreSets) in processes",
            shapes: device.shapes)
    }
}
