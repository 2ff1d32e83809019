import CDarisSystem
import DarisConfiguration
import DarisCore
import Foundation
import ONNXRuntime

extension CPUDevice: NamedDevice {
    static let kind = DeviceKind.cpu

    static func notes(on rights: SystemRights) -> [String] {
        let obstacle =
            "the system refuses SCHED_IDLE: LP stages do not make way for HP on express lanes; say 'express: 0' under "
            + "'partition'"
        return [rights.quotaNote, rights.makesWay ? nil : obstacle].compactMap(\.self)
    }

    /// As many as a stage will run on.
    static func cuttingThreads(_ partition: Partition, processors: Int) -> Int {
        partition.quota(units: processors, granularity: 1)
    }

    static func servingPartition(processors: Int) -> Partition {
        Partition(contexts: min(16, processors), streams: 1, oversubscription: 1)
    }

    static func check(_ taskSet: TaskSet, environment: Environment) throws(PreparationError) {
        guard let asked = taskSet.gpu.needsGPU else { return }
        throw .device(
            name: taskSet.device,
            reason:
                "the task set asks for \(asked) under 'gpu', which a CPU does not do; use 'device: cuda' or leave it out"
        )
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
            tasks: request.tasks, makesWay: request.makesWay, spare: request.options.spare.instances,
            models: request.models, partition: request.partition, processors: request.processors,
            environment: request.environment, fifoPriority: request.fifoPriority, seed: request.taskSet.run.seed,
            progress: request.options.progress, hosting: nil)
        return LoadedDevice(
            device: MachineDevice(device), name: "CPU (\(CPUFacts.name))", unitName: "cores",
            units: request.processors.count, kind: .cores, contextUnits: device.coreSets,
            fingerprint: "\(request.partition.shape) \(device.coreSets)", shapes: device.shapes)
    }
}

/// The cores of each context of a CPU.
package enum CoreSets {
    /// Windows of `quota` cores, spread evenly: disjoint where the oversubscription is 1, overlapping where it is more.
    ///
    /// The quota is the design's formula with M = cores and granularity 1, since cores, unlike the SMs of the paper's
    /// card, are not tied in pairs.
    package static func sets(_ partition: Partition, processors: [Int]) -> [[Int]] {
        let quota = partition.quota(units: processors.count, granularity: 1)
        return (0..<partition.contexts).map { context in
            let first = context * processors.count / partition.contexts
            return (0..<quota).map { processors[(first + $0) % processors.count] }.sorted()
        }
    }
}

/// What the machine's processor is called.
package enum CPUFacts {
    /// The model name from /proc/cpuinfo, or the architecture where there is none (many ARM boards).
    package static let name: String = {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix("model name") {
            if let value = line.split(separator: ":", maxSplits: 1).last {
                return value.trimmingCharacters(in: .whitespaces)
            }
        }
        #if arch(arm64)
            return "aarch64"
        #else
            return "x86-64"
        #endif
    }()
}

/// Loads the stages of models for a CPU that is cut into core sets.
struct CPUStageLoader {
    let environment: Environment
    let coreSets: [[Int]]

    /// The sessions of a model for stages that make way, that do not, or both. One serves both, unless it has threads of its own.
    func sessions(_ model: StagedModel, makingWay: Set<Bool>) throws(PreparationError) -> ModelSessions {
        let hasPools = coreSets.contains { $0.count > 1 }
        guard hasPools, makingWay.contains(true) else { return ModelSessions(high: try sessions(model), low: nil) }
        // Threads get the priority of the one that starts them.
        let low = try DedicatedThread.makingWay { () throws(PreparationError) in try sessions(model) }
        return ModelSessions(high: makingWay.contains(false) ? try sessions(model) : nil, low: low)
    }

    /// The sessions of each stage of a model, one a context. Contexts that can share a session have the same one.
    func sessions(_ model: StagedModel) throws(PreparationError) -> [[Session]] {
        var stages: [[Session]] = []
        for stage in model.stages {
            var byCores: [[Int]: Session] = [:]
            var sessions: [Session] = []
            for cores in coreSets {
                // On one core a session has no threads of its own and serves every lane.
                let key = cores.count == 1 ? [] : cores
                if byCores[key] == nil { byCores[key] = try session(model, stage, cores: cores) }
                sessions.append(byCores[key]!)
            }
            stages.append(sessions)
        }
        return stages
    }

    private func session(
        _ model: StagedModel, _ stage: StagedModel.Stage, cores: [Int]
    ) throws(PreparationError) -> Session {
        var options = SessionOptions()
        options.intraOpThreads = cores.count
        options.freeDimensionOverrides = model.dimensions
        if cores.count > 1 {
            // One entry a pool thread; the lane's own thread does the rest of the work. Processors count from 1 there.
            let all = cores.map { String($0 + 1) }.joined(separator: ",")
            options.intraOpThreadAffinities = cores.dropFirst().map { _ in all }.joined(separator: ";")
        }
        let options_ = options
        return try runtime(model.name) { () throws(ONNXRuntimeError) in
            try Session(environment: environment, model: .file(stage.path), options: options_)
        }
    }
}

/// The sessions of a model by stage, then by context, for tasks that make way and for others.
struct ModelSessions {
    let high: [[Session]]?
    let low: [[Session]]?

    /// Those of a task.
    func sessions(makingWay: Bool) -> [[Session]] { makingWay ? low ?? any : any }
    var any: [[Session]] { high ?? low ?? [] }
}

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
                        context: index, device: .init(kind, cores), makesWay: request.makesWay, request),
                    processors: cores))
        }
        let device = try WorkerDevice(plans, program: program, progress: request.options.progress)
        return LoadedDevice(
            device: MachineDevice(device), name: "CPU (\(CPUFacts.name))", unitName: "cores",
            units: request.processors.count, kind: .cores, contextUnits: coreSets,
            fingerprint: "\(partition.shape) \(coreSets) in processes", shapes: device.shapes)
    }

    static func loadPart(
        _ specification: WorkerSpecification, hosting: Hosting, progress: @escaping StepHandler
    ) throws(PreparationError) -> WorkerPart {
        let cores = try specification.device.setup(as: [Int].self)
        // All threads to come, those that load the models too, stay off the cores of other contexts.
        _ = daris_set_affinity(cores.map(Int32.init), Int32(cores.count))
        let device = try CPUDevice(
            tasks: specification.tasks, makesWay: specification.makesWay, models: specification.models,
            partition: specification.partition,
            processors: cores, environment: try specification.openEnvironment(), seed: specification.seed,
            progress: progress, hosting: hosting)
        return WorkerPart(device: device, processors: cores)
    }
}
