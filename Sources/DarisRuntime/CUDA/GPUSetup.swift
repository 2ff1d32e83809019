import CUDADriver
import DarisConfiguration
import DarisCore
import ONNXRuntime

/// What a GPU is to be for a task set, or for one worker of it.
struct GPUSetup: Codable, Sendable, Hashable {
    /// The GPU's number, as the driver counts.
    var index: Int
    /// What it is called in messages.
    var name: String
    var partition: Partition
    /// `streams` or `green`.
    var kind: PartitionKind
    var options: GPUOptions
    /// The cache's folder, for what TensorRT compiles.
    var cachePath = ""
    /// By task.
    var priorities: [Priority]
    /// The most jobs that may run a stage together; 1 for none.
    var largestBatch = 1
    /// Whether batches are expected to go on together from stage to stage.
    var batchesStayTogether = false
    /// Of the tensors that periodic jobs run on.
    var seed: UInt64
    /// A SCHED_FIFO priority for the threads, or 0.
    var fifoPriority: Int
    /// Whether this process is one of several under an MPS server.
    var isUnderMPS = false

    /// The shapes of each different task, known or found by running the models on the CPU.
    static func shapes(
        of tasks: [DeviceTask], models: [StagedModel], known: [DeviceTask: TensorShapes] = [:],
        environment: Environment, progress: StepHandler
    ) throws(PreparationError) -> [DeviceTask: TensorShapes] {
        var shapes = known
        let stages = CPUStageLoader(environment: environment, coreSets: [SystemRights.allowedProcessors()])
        for (model, staged) in models.enumerated() {
            let open = tasks.filter { $0.model == model && shapes[$0] == nil }
            guard !open.isEmpty else { continue }
            progress("finding the tensors of \(staged.name)")
            let sessions = try stages.sessions(staged).map { $0[0] }
            func found(_ batch: Int) throws(PreparationError) -> TensorShapes {
                let task = DeviceTask(model: model, batch: batch)
                if let known = shapes[task] { return known }
                let found = try TensorShapes.discover(staged, stages: sessions, batch: batch)
                try found.requirePlainMemory(found.made.keys.sorted(), of: staged, on: "a GPU")
                shapes[task] = found
                return found
            }
            for task in open where shapes[task] == nil {
                // A large batch takes the CPU long, and most models only have it as a first dimension throughout.
                if task.batch > 2, let one = try? found(1), let two = try? found(2), one.isDoubled(by: two) {
                    shapes[task] = one.scaled(by: task.batch)
                } else {
                    shapes[task] = try found(task.batch)
                }
            }
        }
        return shapes
    }

    /// The sizes of batch of the tasks whose jobs can run together: those whose every tensor has the batch as its first
    /// dimension, which is found out by running the models at twice the batch size.
    func batches(
        of tasks: [DeviceTask], models: [StagedModel], shapes: [DeviceTask: TensorShapes], environment: Environment,
        progress: StepHandler, notes: inout [String]
    ) -> [DeviceTask: [Int]] {
        guard largestBatch > 1 else { return [:] }
        var batches: [DeviceTask: [Int]] = [:]
        for task in Set(tasks).sorted(by: { ($0.model, $0.batch) < ($1.model, $1.batch) }) {
            let count = tasks.count { $0 == task }
            let sizes = BatchGroup.measuredSizes.filter { $0 <= min(largestBatch, count) }
            guard !sizes.isEmpty else { continue }
            let doubled = DeviceTask(model: task.model, batch: task.batch * 2)
            let found = try? Self.shapes(
                of: [doubled], models: models, known: shapes, environment: environment, progress: progress)
            if let shapes = shapes[task], let twice = found?[doubled], shapes.isDoubled(by: twice) {
                batches[task] = sizes
            } else {
                notes.append(
                    "jobs of model '\(models[task.model].name)' run alone, since not all of its tensors have the batch as "
                        + "their first dimension")
            }
        }
        return batches
    }

    /// Loads a task set's models onto the GPU.
    ///
    /// - Parameters:
    ///   - shapes: of each different task.
    ///   - batches: sizes of batch by those tasks whose jobs may run together.
    ///   - engine: what runs stages.
    ///   - driver: the driver's library; the system's if `nil`.
    ///   - places: memory of another owner for the inputs and outputs of tasks, by task and name; empty for none.
    ///   - meter: of the GPU's energy; `nil` where another process has it.
    func load(
        _ tasks: [DeviceTask], models: [StagedModel], shapes: [DeviceTask: TensorShapes],
        batches: [DeviceTask: [Int]] = [:], engine: any StageEngine, driver: String?,
        places: [[String: UnsafeMutableRawBufferPointer]] = [], library: ONNXRuntimeLibrary,
        meter: EnergyMeter? = nil, progress: @escaping StepHandler
    ) throws(PreparationError) -> (device: CUDADevice, context: CUDAContext, parts: CUDADevice.Parts) {
        progress("opening the GPU")
        let context: CUDAContext
        let contexts: GPUContexts
        do {
            let library = try Self.openDriver(driver, lanes: partition.laneCount, isUnderMPS: isUnderMPS)
            context = try CUDAContext(library: library, device: index)
            contexts = try GPUContexts.make(partition, kind: kind, on: context)
        } catch {
            throw .device(name: name, reason: error.description)
        }
        let loader = CUDALoader(
            context: context, engine: engine, options: options, name: name, fifoPriority: fifoPriority,
            batchesStayTogether: batchesStayTogether, progress: progress)
        let parts = try loader.load(
            tasks, priorities: priorities, partition: partition, models: models, shapes: shapes, batches: batches,
            contexts: contexts, places: places,
            library: library, seed: seed)
        return (CUDADevice(parts, meter: meter), context, parts)
    }

    /// How many hardware queues: one a lane as far as there are any, since lanes that share one wait for each other. An MPS
    /// server has so many for all its clients, and 2 for each if not told otherwise: more for one leave room for fewer.
    static func queues(lanes: Int, isUnderMPS: Bool) -> Int { min(32, isUnderMPS ? max(2, lanes + 1) : max(8, lanes)) }

    /// The driver. Under MPS all clients connect at the same time, while the server starts, or after a fault of one.
    static func openDriver(_ path: String?, lanes: Int, isUnderMPS: Bool = false) throws(CUDAError) -> CUDALibrary {
        try CUDALibrary.open(
            path: path, maxConnections: queues(lanes: lanes, isUnderMPS: isUnderMPS),
            patience: isUnderMPS ? WorkerLimits.patience : .zero)
    }
}

/// The contexts of a GPU in this process: the streams of each, and the SMs they run on.
struct GPUContexts: Sendable {
    /// By context, then by stream.
    let streams: [[CUDAStream]]
    /// The SMs of each context, numbered as the driver parts them; all of them without green contexts.
    let units: [[Int]]
    let notes: [String]

    /// Cuts a GPU. The streams of express lanes come last in each context and have the highest priority there is.
    ///
    /// - Parameter kind: `streams` or `green`; `mps` is a matter of processes, each of which has one context of kind
    ///   `streams`.
    static func make(
        _ partition: Partition, kind: PartitionKind, on context: CUDAContext
    ) throws(CUDAError) -> GPUContexts {
        guard kind == .green else {
            var streams: [[CUDAStream]] = []
            for _ in 0..<partition.contexts {
                var row: [CUDAStream] = []
                for _ in 0..<partition.streams { row.append(try CUDAStream(context: context)) }
                for _ in 0..<partition.express {
                    row.append(try CUDAStream(context: context, priority: context.streamPriorityRange.lowerBound))
                }
                streams.append(row)
            }
            let all = Array(0..<context.device.multiprocessorCount)
            return GPUContexts(streams: streams, units: streams.map { _ in all }, notes: [])
        }
        let green = try GreenPartition(partition, on: context)
        var streams: [[CUDAStream]] = []
        let highest = context.streamPriorityRange.lowerBound
        for context in green.contexts {
            var row: [CUDAStream] = []
            for _ in 0..<partition.streams { row.append(try CUDAStream(greenContext: context)) }
            for _ in 0..<partition.express { row.append(try CUDAStream(greenContext: context, priority: highest)) }
            streams.append(row)
        }
        let units = green.windows.groups.indices.map(green.windows.multiprocessors)
        return GPUContexts(streams: streams, units: units, notes: green.windows.notes)
    }
}
