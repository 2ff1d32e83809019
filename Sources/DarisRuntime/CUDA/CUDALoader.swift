import CUDADriver
import DarisConfiguration
import DarisCore
import ONNXRuntime

/// Loads the models of a task set onto every lane of a GPU.
struct CUDALoader {
    let context: CUDAContext
    let engine: any StageEngine
    let options: GPUOptions
    /// What the device is called in messages.
    let name: String
    var fifoPriority = 0
    /// Whether batches are expected to go on together from stage to stage.
    var batchesStayTogether = false
    var progress: StepHandler = { _ in }
    /// Runs of a stage before it is captured: the first makes ONNX Runtime choose algorithms and take memory.
    static let warmUps = 2

    /// A model at a batch size, for one job or several together.
    struct Program {
        var task: DeviceTask
        /// How many jobs run together.
        var jobs: Int
        var layout: TensorLayout
        /// The tasks whose jobs it may run; at least `jobs`.
        var members: [Int]
    }

    /// Loads everything, or releases what it has loaded.
    ///
    /// - Parameters:
    ///   - priorities: by task.
    ///   - partition: which lanes are express lanes.
    ///   - shapes: of each different task.
    ///   - batches: sizes of batch, smallest first, by those tasks whose jobs may run together.
    ///   - places: memory of another owner for inputs and outputs, by task and name; empty for none.
    ///   - seed: of the tensors that periodic jobs run on.
    func load(
        _ tasks: [DeviceTask], priorities: [Priority], partition: Partition, models: [StagedModel],
        shapes: [DeviceTask: TensorShapes],
        batches: [DeviceTask: [Int]] = [:], contexts: GPUContexts,
        places: [[String: UnsafeMutableRawBufferPointer]] = [], library: ONNXRuntimeLibrary, seed: UInt64
    ) throws(PreparationError) -> CUDADevice.Parts {
        let programs = Self.programs(tasks, models: models, shapes: shapes, batches: batches)
        let programOfTask = tasks.map { task in programs.firstIndex { $0.task == task && $0.jobs == 1 } ?? 0 }
        let laneCount = contexts.streams.joined().count
        let scratchBytes = programs.map(\.layout.laneBytes).max() ?? 0
        let copies = programs.map { $0.layout.copies * $0.jobs }.max() ?? 0
        let saves = programs.map { $0.jobs > 1 ? $0.layout.saves * $0.jobs : 0 }.max() ?? 0
        let onExpress = Set(tasks.indices.filter { priorities[$0] == .high }.map { tasks[$0].model })
        let copier = try onDevice { () throws(CUDAError) in try CopyKernel(context: context) }
        func weight(_ model: Int) -> Int {
            let copies = engine.loadsForEachBatch ? programs.count { $0.task.model == model } : 1
            return models[model].fileBytes * copies
        }
        try refuse(
            MemoryBill(
                weights: models.indices.map(weight), copies: partition.lanes,
                expressWeights: models.indices.filter(onExpress.contains).map(weight),
                expressLanes: laneCount - partition.lanes,
                tasks: programOfTask.reduce(0) { $0 + programs[$1].layout.deviceBytes },
                lanes: laneCount * scratchBytes))

        var memories: [TaskMemory] = []
        for (index, task) in tasks.enumerated() {
            if index % 8 == 0 { progress("preparing tasks, \(index) of \(tasks.count)") }
            memories.append(
                try memory(
                    programs[programOfTask[index]].layout, shapes: shapes[task], of: models[task.model],
                    places: places.indices.contains(index) ? places[index] : [:], library: library,
                    seed: seed &+ UInt64(index)))
        }
        var notes = contexts.notes
        var lanes: [CUDALane] = []
        var loaded: [[[LaneProgram]]] = []
        for (index, stream) in contexts.streams.joined().enumerated() {
            let before = try free()
            let lane = try onDevice { () throws(CUDAError) in
                try CUDALane(
                    index: index, stream: stream, context: context, scratchBytes: scratchBytes, copying: copier,
                    copies: copies, saves: saves)
            }
            var row = [[LaneProgram]](repeating: [], count: programs.count)
            for (number, model) in models.enumerated() where !partition.isExpress(index) || onExpress.contains(number) {
                progress("loading \(model.name) onto lane \(index + 1) of \(laneCount)")
                // Once for all batch sizes, where the engine can: what runs on one lane runs one after another.
                var stages: [any LoadedStage] = []
                for (place, program) in programs.enumerated() where program.task.model == number {
                    if stages.isEmpty || engine.loadsForEachBatch {
                        stages = []
                        for (stage, layout) in zip(model.stages, program.layout.stages) {
                            stages.append(try engine.load(stage, of: model, layout: layout, on: stream))
                        }
                    }
                    let members = program.members.prefix(program.jobs).map { memories[$0] }
                    row[place] = try ready(stages, of: model, program, on: lane, members: members, notes: &notes)
                }
            }
            lanes.append(lane)
            loaded.append(row)
            if index == 0 && laneCount > 1 {
                // Express lanes hold less.
                let all = models.indices.reduce(0) { $0 + weight($1) }
                let high = onExpress.reduce(0) { $0 + weight($1) }
                let express = all == 0 ? 0 : (laneCount - partition.lanes) * high / all
                try refuse(lanesLike: before - (try free()), count: partition.lanes - 1 + express)
            }
        }
        return CUDADevice.Parts(
            tasks: tasks.indices.map { index in
                .init(
                    isHighPriority: priorities[index] == .high, memory: memories[index], program: programOfTask[index],
                    batches: programs.indices.filter { programs[$0].task == tasks[index] && programs[$0].jobs > 1 }
                        .map { .init(jobs: programs[$0].jobs, program: $0) })
            }, lanes: lanes, programs: loaded, units: contexts.units, partition: partition, notes: notes,
            fifoPriority: fifoPriority, batchesStayTogether: batchesStayTogether)
    }

    /// What a lane must be able to run: each different task alone, and in batches of as many as there are.
    private static func programs(
        _ tasks: [DeviceTask], models: [StagedModel], shapes: [DeviceTask: TensorShapes], batches: [DeviceTask: [Int]]
    ) -> [Program] {
        var programs: [Program] = []
        for (index, task) in tasks.enumerated() where tasks.firstIndex(of: task) == index {
            guard let shapes = shapes[task] else { continue }
            let members = tasks.indices.filter { tasks[$0] == task }
            for jobs in [1] + (batches[task] ?? []).filter({ $0 <= members.count }) {
                let layout = TensorLayout(models[task.model], shapes: shapes, jobs: jobs)
                programs.append(Program(task: task, jobs: jobs, layout: layout, members: members))
            }
        }
        return programs
    }

    // MARK: - Memory

    private func refuse(_ bill: MemoryBill) throws(PreparationError) {
        if let refusal = bill.refusal(free: try free()) { throw .device(name: name, reason: refusal) }
    }

    /// Refuses to go on if the lanes to come cannot have what the first one took.
    private func refuse(lanesLike first: Int, count: Int) throws(PreparationError) {
        let free = try free()
        guard first > 0, first * count > free else { return }
        throw .device(
            name: name,
            reason: "the first lane took \(MemoryBill.text(first)), and \(count) more would take "
                + "\(MemoryBill.text(first * count)) of the \(MemoryBill.text(free)) that are left; use fewer lanes, fewer "
                + "models or a smaller batch")
    }

    private func free() throws(PreparationError) -> Int {
        try onDevice { () throws(CUDAError) in try context.freeMemory().free }
    }

    private func memory(
        _ layout: TensorLayout, shapes: TensorShapes?, of model: StagedModel,
        places: [String: UnsafeMutableRawBufferPointer], library: ONNXRuntimeLibrary, seed: UInt64
    ) throws(PreparationError) -> TaskMemory {
        let memory = try onDevice { () throws(CUDAError) in
            try TaskMemory(
                layout, shared: .init(inputs: model.inputs, outputs: model.outputs, in: places),
                context: context)
        }
        let tensors = try runtime(name) { () throws(ONNXRuntimeError) in
            try InputShapes.randomTensors(shapes?.inputs ?? [], library: library, seed: seed)
        }
        memory.fill(model.inputs.map { tensors[$0] })
        return memory
    }

    // MARK: - Stages

    /// Runs the stages of a model on tasks' tensors and captures them.
    private func ready(
        _ stages: [any LoadedStage], of model: StagedModel, _ program: Program, on lane: CUDALane,
        members: [TaskMemory], notes: inout [String]
    ) throws(PreparationError) -> [LaneProgram] {
        var programs: [LaneProgram] = []
        for (index, stage) in stages.enumerated() {
            let layout = program.layout.stages[index]
            let work = try stage.bind(layout, address: lane.scratch.address)
            for (place, memory) in members.enumerated() {
                lane.write(layout, of: memory, place: place, jobs: program.jobs)
            }
            func enqueue() throws(DeviceError) { try lane.enqueue(work, layout, jobs: program.jobs) }
            func warmUp() throws(PreparationError) {
                do throws(DeviceError) {
                    try cuda { () throws(CUDAError) in try context.makeCurrent() }
                    try enqueue()
                    try cuda { () throws(CUDAError) in try lane.stream.synchronize() }
                } catch {
                    throw .unsupported(name: model.name, reason: "its stage \(index) fails on \(name): \(error)")
                }
            }
            for _ in 0..<Self.warmUps { try warmUp() }
            var launch = LaneProgram.Launch.eager
            if options.graphs {
                switch capture(enqueue, on: lane, warmUp: warmUp, notes: &notes) {
                case .success(let graphs): launch = graphs
                case .failure(let reason):
                    let note =
                        "stage \(index) of model '\(model.name)' is launched call by call, not as a graph: \(reason)"
                    if !notes.contains(note) { notes.append(note) }
                    try onDevice { () throws(CUDAError) in try lane.stream.synchronize() }
                }
            }
            programs.append(LaneProgram(layout: layout, launch: launch, work: work))
        }
        return programs
    }

    /// Captures a stage once for LP jobs and, where kernels can have priorities, once for HP jobs: work that allocates
    /// memory, as cuBLAS may, has one executable form a capture.
    private func capture(
        _ enqueue: () throws -> Void, on lane: CUDALane, warmUp: () throws -> Void, notes: inout [String]
    ) -> Result<LaneProgram.Launch, DeviceError> {
        do {
            guard let low = try captured(enqueue, on: lane) else {
                return .failure(DeviceError("it calls the host in between"))
            }
            let ready = try low.instantiate()
            // Lower numbers go first.
            let priorities = context.streamPriorityRange
            guard priorities.count > 1, low.setKernelPriority(priorities.upperBound) else {
                return .success(.graph(high: ready, low: ready))
            }
            // What the first capture took from the engine's buffers must be there once more.
            try warmUp()
            do {
                guard let high = try captured(enqueue, on: lane), high.setKernelPriority(priorities.lowerBound) else {
                    return .success(.graph(high: ready, low: ready))
                }
                return .success(.graph(high: try high.instantiate(usingKernelPriorities: true), low: ready))
            } catch {
                notes.append("HP jobs have no priority on the GPU at a stage that was captured only once: \(error)")
                try lane.stream.synchronize()
                return .success(.graph(high: ready, low: ready))
            }
        } catch {
            return .failure(DeviceError("\(error)"))
        }
    }

    /// A graph that can be launched again and again, or `nil` if it calls the host where it must not.
    private func captured(_ enqueue: () throws -> Void, on lane: CUDALane) throws -> CUDAGraph? {
        let graph = try lane.stream.capture(enqueue)
        guard engine.hostFunctions == .releases else { return graph }
        try graph.dropFinalHostFunctions(before: true)
        return graph.hostFunctionCount == 0 ? graph : nil
    }

    private func onDevice<Result>(_ body: () throws(CUDAError) -> Result) throws(PreparationError) -> Result {
        do { return try body() } catch { throw .device(name: name, reason: error.description) }
    }
}
