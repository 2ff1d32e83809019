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
    var progress: StepHandler = { _ in }
    /// Runs of a stage before it is captured: the first makes ONNX Runtime choose algorithms and take memory.
    static let warmUps = 2

    /// A task with the shapes of its model at its batch size.
    struct Program {
        var task: DeviceTask
        var shapes: TensorShapes
        var layout: TensorLayout
    }

    /// Loads everything, or releases what it has loaded.
    ///
    /// - Parameters:
    ///   - priorities: by task.
    ///   - shapes: of each different task.
    ///   - places: memory of somebody else's for inputs and outputs, by task and name; empty for none.
    ///   - seed: of the tensors that periodic jobs run on.
    func load(
        _ tasks: [DeviceTask], priorities: [Priority], models: [StagedModel], shapes: [DeviceTask: TensorShapes],
        contexts: GPUContexts, places: [[String: UnsafeMutableRawBufferPointer]] = [], library: ONNXRuntimeLibrary,
        seed: UInt64
    ) throws(PreparationError) -> CUDADevice.Parts {
        var programs: [Program] = []
        var programOfTask: [Int] = []
        for task in tasks {
            if let known = programs.firstIndex(where: { $0.task == task }) {
                programOfTask.append(known)
            } else if let shapes = shapes[task] {
                programOfTask.append(programs.count)
                let layout = TensorLayout(models[task.model], shapes: shapes)
                programs.append(Program(task: task, shapes: shapes, layout: layout))
            }
        }
        let laneCount = contexts.streams.joined().count
        let bill = MemoryBill(
            weights: models.map(\.fileBytes), copies: laneCount,
            tasks: programOfTask.reduce(0) { $0 + programs[$1].layout.deviceBytes },
            lanes: laneCount * (programs.map(\.layout.laneBytes).max() ?? 0))
        try refuse(bill)

        var memories: [TaskMemory] = []
        for (index, program) in programOfTask.enumerated() {
            if index % 8 == 0 { progress("preparing tasks, \(index) of \(tasks.count)") }
            let places = places.indices.contains(index) ? places[index] : [:]
            memories.append(
                try memory(
                    programs[program], of: models[tasks[index].model], places: places, library: library,
                    seed: seed &+ UInt64(index)))
        }
        var notes = contexts.notes
        var lanes: [CUDALane] = []
        var loaded: [[[LaneProgram]]] = []
        let scratchBytes = programs.map(\.layout.laneBytes).max() ?? 0
        for (index, stream) in contexts.streams.joined().enumerated() {
            let before = try free()
            let lane = try onDevice { () throws(CUDAError) in
                try CUDALane(index: index, stream: stream, context: context, scratchBytes: scratchBytes)
            }
            var row: [[LaneProgram]] = []
            for (number, program) in programs.enumerated() {
                let model = models[program.task.model]
                progress("loading \(model.name) onto lane \(index + 1) of \(laneCount)")
                let memory = memories[programOfTask.firstIndex(of: number) ?? 0]
                row.append(try stages(of: model, program, on: lane, memory: memory, notes: &notes))
            }
            lanes.append(lane)
            loaded.append(row)
            if index == 0 && laneCount > 1 { try refuse(lanesLike: before - (try free()), count: laneCount - 1) }
        }
        return CUDADevice.Parts(
            tasks: tasks.indices.map { index in
                .init(
                    isHighPriority: priorities[index] == .high, memory: memories[index], program: programOfTask[index])
            }, lanes: lanes,
            programs: loaded, units: contexts.units, notes: notes, fifoPriority: fifoPriority)
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
        _ program: Program, of model: StagedModel, places: [String: UnsafeMutableRawBufferPointer],
        library: ONNXRuntimeLibrary, seed: UInt64
    ) throws(PreparationError) -> TaskMemory {
        let memory = try onDevice { () throws(CUDAError) in
            try TaskMemory(
                program.layout, shared: .init(inputs: model.inputs, outputs: model.outputs, in: places),
                context: context)
        }
        let tensors = try runtime(name) { () throws(ONNXRuntimeError) in
            try InputShapes.randomTensors(program.shapes.inputs, library: library, seed: seed)
        }
        memory.fill(model.inputs.map { tensors[$0] })
        return memory
    }

    // MARK: - Stages

    /// Loads the stages of a model onto a lane, runs them on a task's tensors, and captures them.
    private func stages(
        of model: StagedModel, _ program: Program, on lane: CUDALane, memory: TaskMemory, notes: inout [String]
    ) throws(PreparationError) -> [LaneProgram] {
        var programs: [LaneProgram] = []
        for (index, stage) in model.stages.enumerated() {
            let layout = program.layout.stages[index]
            let loaded = try engine.load(stage, of: model, on: lane.stream)
            let work = try loaded.bind(layout, address: lane.scratch.address)
            for _ in 0..<Self.warmUps {
                do throws(DeviceError) {
                    try cuda { () throws(CUDAError) in
                        try context.makeCurrent()
                        try lane.copyIn(layout.copiesIn, from: memory)
                    }
                    try work.enqueue()
                    try cuda { () throws(CUDAError) in
                        try lane.copyOut(layout.copiesOut, to: memory)
                        try lane.stream.synchronize()
                    }
                } catch {
                    throw .unsupported(name: model.name, reason: "its stage \(index) fails on \(name): \(error)")
                }
            }
            var launch = LaneProgram.Launch.eager
            if options.graphs {
                switch capture(work, on: lane) {
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

    private func capture(_ work: any StageWork, on lane: CUDALane) -> Result<LaneProgram.Launch, DeviceError> {
        do {
            let graph = try lane.stream.capture { try work.enqueue() }
            guard engine.replaysHostFunctions || graph.hostFunctionCount == 0 else {
                return .failure(DeviceError("it calls the host in between"))
            }
            // Lower numbers go first.
            let priorities = context.streamPriorityRange
            let low = try graph.instantiate()
            guard priorities.count > 1, graph.setKernelPriority(priorities.lowerBound) else {
                return .success(.graph(high: low, low: low))
            }
            return .success(.graph(high: try graph.instantiate(), low: low))
        } catch {
            return .failure(DeviceError("\(error)"))
        }
    }

    private func onDevice<Result>(_ body: () throws(CUDAError) -> Result) throws(PreparationError) -> Result {
        do { return try body() } catch { throw .device(name: name, reason: error.description) }
    }
}
