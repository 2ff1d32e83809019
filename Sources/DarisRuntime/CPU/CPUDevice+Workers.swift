import CDarisSystem
import DarisCore

extension CPUDevice {
    /// Loads the models into worker processes, each with one context's cores.
    static func loadWorkers(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
        let partition = request.partition
        let coreSets = CoreSets.sets(partition, processors: request.processors)
        let program = try request.workerProgram()
        request.options.progress(
            "starting \(partition.contexts) worker process\(partition.contexts == 1 ? "" : "es")")
        var plans: [WorkerDevice.ContextPlan] = []
        for (index, cores) in coreSets.enumerated() {
            plans.append(
                .init(
                    specification: try WorkerSpecification(
                        context: index, device: .init(kind, cores), streams: partition.streams, request),
                    processors: cores))
        }
        let device = try WorkerDevice(plans, program: program, progress: request.options.progress)
        return LoadedDevice(
            device: MachineDevice(device), name: "CPU (\(CPUFacts.name))", unitName: "cores",
            units: request.processors.count, kind: .cores, contextUnits: coreSets,
            fingerprint: "\(partition) \(coreSets) in processes", shapes: device.shapes)
    }

    static func loadPart(
        _ specification: WorkerSpecification, hosting: Hosting, progress: @escaping StepHandler
    ) throws(PreparationError) -> WorkerPart {
        let cores = try specification.device.setup(as: [Int].self)
        // All threads to come, those that load the models too, stay off the cores of other contexts.
        _ = daris_set_affinity(cores.map(Int32.init), Int32(cores.count))
        let device = try CPUDevice(
            tasks: specification.tasks, models: specification.models,
            partition: Partition(contexts: 1, streams: specification.streams, oversubscription: 1),
            processors: cores, environment: try specification.openEnvironment(), seed: specification.seed,
            progress: progress, hosting: hosting)
        return WorkerPart(device: device, processors: cores)
    }
}
