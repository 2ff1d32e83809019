import ONNXRuntime

/// Where the tensors of a model lie while its jobs run on a GPU.
///
/// A captured stage works on fixed addresses: those of its lane. So a lane has scratch memory in which the inputs and
/// outputs of whatever stage it runs lie at fixed places, and a job has memory of its own for what one of its stages
/// makes and a later one reads. A stage's launch copies from the one to the other and back; copies on the device run at
/// the speed of its memory. Inputs and outputs of the model lie in pinned host memory of the task and go straight to and
/// from the lane.
///
/// A tensor has the same place in the lane for every stage that makes or reads it, and no other tensor lies there in between.
/// So jobs whose next stage follows on the same lane find there what their stages made (`LaneContents`).
///
/// Every place is a multiple of `alignment`. Several jobs of the same model and batch size can share a launch: the lane's
/// tensors then hold theirs one behind the other.
struct TensorLayout: Sendable {
    /// A tensor in a lane's scratch memory.
    struct Slot: Hashable, Sendable {
        var name: String
        var elementType: ElementType
        /// For all jobs of a launch together.
        var shape: [Int]
        /// From the start of the lane's scratch memory, in bytes.
        var offset: Int
        /// Of one job.
        var bytesPerJob: Int
    }

    /// Which memory a job keeps a tensor in.
    enum Memory: Hashable, Sendable {
        /// Pinned host memory of its task: inputs.
        case hostInput
        /// Pinned host memory of its task: outputs.
        case hostOutput
        /// Device memory of its task.
        case device
    }

    /// Bytes that a launch moves for each of its jobs.
    struct Copy: Hashable, Sendable {
        /// Where the job has them.
        var memory: Memory
        /// Place in that memory.
        var offset: Int
        /// Place of the first job's in the lane's scratch memory; the next job's follow at multiples of `bytes`.
        var laneOffset: Int
        var bytes: Int
        /// Of a copy into the lane: the last stage before that has the tensor in the lane, as it makes or reads it; -1 if none does.
        /// Of a copy out of it: the stage that makes the tensor.
        var stage = -1
    }

    /// What a stage reads and writes.
    struct Stage: Sendable {
        var inputs: [Slot] = []
        var outputs: [Slot] = []
        /// Into the lane, before the stage.
        var copiesIn: [Copy] = []
        /// Out of the lane, after the stage.
        var copiesOut: [Copy] = []
        /// Out of the lane, all that this stage and those before it make and later ones read.
        var carried: [Copy] = []
    }

    /// A tensor of the model in pinned memory.
    struct Port: Hashable, Sendable {
        var offset: Int
        var bytes: Int
    }

    /// A tensor that is kept from the stage that makes it to the last that reads it.
    private struct Kept {
        var made: Int
        var lastRead: Int
        var bytes: Int
        var offset = 0
    }

    static let alignment = 256

    /// The stages in order.
    private(set) var stages: [Stage] = []
    /// The model's inputs, in the order of its graph.
    private(set) var inputs: [Port] = []
    /// The model's outputs, in the order of its graph.
    private(set) var outputs: [Port] = []
    /// Device memory of a job.
    private(set) var deviceBytes = 0
    /// Pinned memory of a job's inputs.
    private(set) var hostInputBytes = 0
    /// Pinned memory of a job's outputs.
    private(set) var hostOutputBytes = 0

    /// Scratch memory of a lane, for all jobs of a launch together.
    private(set) var laneBytes = 0

    /// The most copies of a stage for one job, before and after it together.
    var copies: Int { stages.map { $0.copiesIn.count + $0.copiesOut.count }.max() ?? 0 }

    /// The most copies that save what a job's stages have left in the lane.
    var saves: Int { stages.map(\.carried.count).max() ?? 0 }

    /// Lays a model out.
    ///
    /// - Parameters:
    ///   - model: its stages, by the names of their tensors.
    ///   - shapes: at the batch size of one job.
    ///   - jobs: how many jobs share a launch.
    init(_ model: StagedModel, shapes: TensorShapes, jobs: Int = 1) {
        self.init(
            stages: model.stages.map { ($0.inputs, $0.outputs) }, inputs: model.inputs, outputs: model.outputs,
            shapes: shapes, jobs: jobs)
    }

    init(
        stages names: [(inputs: [String], outputs: [String])], inputs: [String], outputs: [String],
        shapes: TensorShapes, jobs: Int
    ) {
        var inputPorts: [String: Port] = [:]
        for name in inputs {
            guard let shape = shapes.inputs.first(where: { $0.name == name }) else { continue }
            let port = Port(offset: hostInputBytes, bytes: shape.byteCount)
            inputPorts[name] = port
            self.inputs.append(port)
            hostInputBytes += Self.aligned(port.bytes)
        }
        var outputPorts: [String: Port] = [:]
        for name in outputs {
            guard let shape = shapes.made[name] else { continue }
            let port = Port(offset: hostOutputBytes, bytes: shape.byteCount)
            outputPorts[name] = port
            self.outputs.append(port)
            hostOutputBytes += Self.aligned(port.bytes)
        }

        var kept: [String: Kept] = [:]
        for (stage, tensors) in names.enumerated() {
            for name in tensors.inputs where inputPorts[name] == nil {
                if let entry = kept[name] {
                    kept[name]?.lastRead = max(entry.lastRead, stage)
                } else if let made = names.firstIndex(where: { $0.outputs.contains(name) }),
                    let shape = shapes.made[name]
                {
                    kept[name] = Kept(made: made, lastRead: stage, bytes: shape.byteCount)
                }
            }
        }
        deviceBytes = Self.place(&kept)

        // A model's input that is its output too lies in two places.
        func inLane(_ name: String, isRead: Bool) -> String { (isRead && inputPorts[name] != nil ? "<" : ">") + name }
        func shape(_ name: String) -> InputShapes.Input? {
            shapes.made[name] ?? shapes.inputs.first { $0.name == name }
        }
        var held: [String: Kept] = [:]
        for (stage, tensors) in names.enumerated() {
            let all = tensors.inputs.map { ($0, true) } + tensors.outputs.map { ($0, false) }
            for (name, isRead) in all {
                guard let shape = shape(name) else { continue }
                let new = Kept(made: stage, lastRead: stage, bytes: shape.byteCount * jobs)
                held[inLane(name, isRead: isRead), default: new].lastRead = stage
            }
        }
        laneBytes = Self.place(&held)

        var before: [String: Int] = [:]
        for (number, tensors) in names.enumerated() {
            var stage = Stage()
            for name in tensors.inputs {
                let key = inLane(name, isRead: true)
                guard let shape = shape(name), let place = held[key] else { continue }
                stage.inputs.append(Self.slot(shape, jobs: jobs, at: place.offset))
                let last = before[key] ?? -1
                if let port = inputPorts[name] {
                    stage.copiesIn.append(
                        Copy(
                            memory: .hostInput, offset: port.offset, laneOffset: place.offset, bytes: port.bytes,
                            stage: last))
                } else if let entry = kept[name] {
                    stage.copiesIn.append(
                        Copy(
                            memory: .device, offset: entry.offset, laneOffset: place.offset, bytes: entry.bytes,
                            stage: last))
                }
            }
            for name in tensors.outputs {
                let key = inLane(name, isRead: false)
                guard let shape = shapes.made[name], let place = held[key] else { continue }
                stage.outputs.append(Self.slot(shape, jobs: jobs, at: place.offset))
                if let entry = kept[name] {
                    stage.copiesOut.append(
                        Copy(
                            memory: .device, offset: entry.offset, laneOffset: place.offset, bytes: entry.bytes,
                            stage: number))
                }
                if let port = outputPorts[name] {
                    stage.copiesOut.append(
                        Copy(
                            memory: .hostOutput, offset: port.offset, laneOffset: place.offset, bytes: port.bytes,
                            stage: number))
                }
            }
            for name in tensors.inputs { before[inLane(name, isRead: true)] = number }
            for name in tensors.outputs { before[inLane(name, isRead: false)] = number }
            stage.carried = kept.compactMap { name, entry in
                guard entry.made <= number, number < entry.lastRead, let place = held[inLane(name, isRead: false)]
                else {
                    return nil
                }
                return Copy(
                    memory: .device, offset: entry.offset, laneOffset: place.offset, bytes: entry.bytes,
                    stage: entry.made)
            }.sorted { ($0.stage, $0.offset) < ($1.stage, $1.offset) }
            stages.append(stage)
        }
    }

    private static func slot(_ tensor: InputShapes.Input, jobs: Int, at offset: Int) -> Slot {
        var shape = tensor.shape
        if jobs > 1, !shape.isEmpty { shape[0] *= jobs }
        return Slot(
            name: tensor.name, elementType: tensor.elementType, shape: shape, offset: offset,
            bytesPerJob: tensor.byteCount)
    }

    /// Gives each tensor the lowest place that no other tensor alive at the same time has, the largest first, and returns
    /// the bytes needed. A tensor is alive from the stage that makes it to the last that reads it.
    private static func place(_ kept: inout [String: Kept]) -> Int {
        var placed: [Kept] = []
        var end = 0
        for (name, entry) in kept.sorted(by: { ($1.value.bytes, $0.key) < ($0.value.bytes, $1.key) }) {
            var entry = entry
            let neighbours = placed.filter { $0.made <= entry.lastRead && entry.made <= $0.lastRead }
            for other in neighbours.sorted(by: { $0.offset < $1.offset }) {
                if entry.offset + aligned(entry.bytes) <= other.offset { break }
                entry.offset = max(entry.offset, other.offset + aligned(other.bytes))
            }
            placed.append(entry)
            kept[name] = entry
            end = max(end, entry.offset + aligned(entry.bytes))
        }
        return end
    }

    static func aligned(_ bytes: Int) -> Int { (bytes + alignment - 1) / alignment * alignment }
}

extension InputShapes.Input {
    /// The size of the tensor in bytes.
    var byteCount: Int { shape.reduce(elementType.byteSize ?? 0, *) }
}
