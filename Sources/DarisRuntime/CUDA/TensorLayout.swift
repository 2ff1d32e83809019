import ONNXRuntime

/// Where the tensors of a model lie while its jobs run on a GPU.
///
/// A captured stage works on fixed addresses: those of its lane. So a lane has scratch memory in which the inputs and
/// outputs of whatever stage it runs lie at fixed places, and a job has memory of its own for what one of its stages
/// makes and a later one reads. A stage's launch copies from the one to the other and back; copies on the device run at
/// the speed of its memory. Inputs and outputs of the model lie in pinned host memory of the task and go straight to and
/// from the lane.
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
    }

    /// What a stage reads and writes.
    struct Stage: Sendable {
        var inputs: [Slot] = []
        var outputs: [Slot] = []
        /// Into the lane, before the stage.
        var copiesIn: [Copy] = []
        /// Out of the lane, after the stage.
        var copiesOut: [Copy] = []
        /// Bytes of scratch memory that it needs.
        var laneBytes = 0
    }

    /// A tensor of the model in pinned memory.
    struct Port: Hashable, Sendable {
        var offset: Int
        var bytes: Int
    }

    /// A tensor that a stage makes for a later one.
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

    /// The most scratch memory that a stage needs.
    var laneBytes: Int { stages.map(\.laneBytes).max() ?? 0 }

    /// The most copies of a stage for one job, before and after it together.
    var copies: Int { stages.map { $0.copiesIn.count + $0.copiesOut.count }.max() ?? 0 }

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

        for tensors in names {
            var stage = Stage()
            for name in tensors.inputs {
                guard let shape = shapes.made[name] ?? shapes.inputs.first(where: { $0.name == name }) else { continue }
                let slot = Self.slot(shape, jobs: jobs, at: &stage.laneBytes)
                stage.inputs.append(slot)
                if let port = inputPorts[name] {
                    stage.copiesIn.append(
                        Copy(memory: .hostInput, offset: port.offset, laneOffset: slot.offset, bytes: port.bytes))
                } else if let entry = kept[name] {
                    stage.copiesIn.append(
                        Copy(memory: .device, offset: entry.offset, laneOffset: slot.offset, bytes: entry.bytes))
                }
            }
            for name in tensors.outputs {
                guard let shape = shapes.made[name] else { continue }
                let slot = Self.slot(shape, jobs: jobs, at: &stage.laneBytes)
                stage.outputs.append(slot)
                if let entry = kept[name] {
                    stage.copiesOut.append(
                        Copy(memory: .device, offset: entry.offset, laneOffset: slot.offset, bytes: entry.bytes))
                }
                if let port = outputPorts[name] {
                    stage.copiesOut.append(
                        Copy(memory: .hostOutput, offset: port.offset, laneOffset: slot.offset, bytes: port.bytes))
                }
            }
            self.stages.append(stage)
        }
    }

    private static func slot(_ tensor: InputShapes.Input, jobs: Int, at offset: inout Int) -> Slot {
        var shape = tensor.shape
        if jobs > 1, !shape.isEmpty { shape[0] *= jobs }
        let slot = Slot(
            name: tensor.name, elementType: tensor.elementType, shape: shape, offset: offset,
            bytesPerJob: tensor.byteCount)
        offset += aligned(tensor.byteCount * jobs)
        return slot
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
