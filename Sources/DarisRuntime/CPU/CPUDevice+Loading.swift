import DarisConfiguration
import DarisCore

extension CPUDevice: NamedDevice {
    static let kind = DeviceKind.cpu

    static func notes(on rights: SystemRights) -> [String] { [rights.quotaNote].compactMap(\.self) }

    /// As many as a stage will run on.
    static func cuttingThreads(_ partition: Partition, processors: Int) -> Int {
        partition.quota(units: processors, granularity: 1)
    }

    static func servingPartition(processors: Int) -> Partition {
        Partition(contexts: min(16, processors), streams: 1, oversubscription: 1)
    }

    static func load(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
        var loaded = request.taskSet.isolation == .process ? try loadWorkers(request) : try loadHere(request)
        let (contexts, processors) = (request.partition.contexts, request.processors.count)
        if processors < contexts {
            loaded.notes.append("\(contexts) contexts share \(processors) cores; their tasks slow each other down")
        }
        return loaded
    }

    private static func loadHere(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
        let device = try CPUDevice(
            tasks: request.tasks, models: request.models, partition: request.partition,
            processors: request.processors, environment: request.environment, fifoPriority: request.fifoPriority,
            seed: request.taskSet.run.seed, progress: request.options.progress)
        return LoadedDevice(
            device: MachineDevice(device), name: "CPU (\(CPUFacts.name))", unitName: "cores",
            units: request.processors.count, kind: .cores, contextUnits: device.coreSets,
            fingerprint: "\(request.partition) \(device.coreSets)", shapes: device.shapes)
    }
}
