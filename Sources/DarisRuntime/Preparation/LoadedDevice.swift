import DarisConfiguration
import DarisCore
import ONNXRuntime

/// A device with the models of a task set, and what a plan says of it.
struct LoadedDevice {
    var device: MachineDevice
    /// What it is called.
    var name: String
    /// What a context has its share of: cores, SMs.
    var unitName: String
    /// How many of these there are.
    var units: Int
    var kind: PartitionKind
    /// The units of each context, by number; empty where only their number is known.
    var contextUnits: [[Int]]
    /// How many units a context has, where it is not the number of `contextUnits`.
    var quota: Int?
    /// What measured times depend on besides the models: how the device is cut.
    var fingerprint: String
    /// Of each different task.
    var shapes: [DeviceTask: TensorShapes]
    var notes: [String] = []

    /// Loads the models onto the device that a task set names.
    static func load(
        _ taskSet: TaskSet, tasks: [DeviceTask], models: [StagedModel], environment: Environment, processors: [Int],
        fifoPriority: Int, options: Preparation.Options
    ) throws(PreparationError) -> LoadedDevice {
        let progress = options.progress
        let partition = taskSet.partition
        if let gpu = TaskSet.gpuIndex(of: taskSet.device) {
            if taskSet.isolation == .process || gpuKind(taskSet) == .mps {
                return try .gpuWorkers(
                    gpu, taskSet, tasks: tasks, models: models, library: environment.library.path,
                    fifoPriority: fifoPriority, options: options)
            }
            return try .gpu(
                gpu, taskSet, tasks: tasks, models: models, environment: environment, fifoPriority: fifoPriority,
                progress: progress)
        }
        var loaded: LoadedDevice
        if taskSet.isolation == .process {
            loaded = try .cpuWorkers(
                taskSet, tasks: tasks, models: models, library: environment.library.path, processors: processors,
                fifoPriority: fifoPriority, options: options)
        } else {
            let device = try CPUDevice(
                tasks: tasks, models: models, partition: partition, processors: processors, environment: environment,
                fifoPriority: fifoPriority, seed: taskSet.run.seed, progress: progress)
            loaded = LoadedDevice(
                device: .cpu(device), name: "CPU (\(CPUFacts.name))", unitName: "cores", units: processors.count,
                kind: .cores, contextUnits: device.coreSets, fingerprint: "\(partition) \(device.coreSets)",
                shapes: device.shapes)
        }
        if processors.count < partition.contexts {
            loaded.notes.append(
                "\(partition.contexts) contexts share \(processors.count) cores; their tasks slow each other down")
        }
        return loaded
    }
}
