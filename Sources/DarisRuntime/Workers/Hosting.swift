import Glibc
import Synchronization

/// What a worker asks of the device that it holds: tensors in shared memory, stages on the thread that launches them, and
/// a start without finding out anew what an earlier worker knew.
final class Hosting: Sendable {
    /// Shapes of tasks that are known already.
    let shapes: [DeviceTask: TensorShapes]
    private let lanes: Int
    private let memoryFile: Int32
    private let result = Mutex<(memory: SharedMemory, readiness: WorkerReadiness)?>(nil)
    private static let alignment = 64

    init(lanes: Int, memoryFile: Int32, _ shapes: [WorkerSpecification.KnownShapes]) {
        self.lanes = lanes
        self.memoryFile = memoryFile
        self.shapes = Dictionary(shapes.map { ($0.task, $0.shapes) }) { first, _ in first }
    }

    /// Whether another worker ran every task before, so that one run a model is enough to warm up.
    var isRestart: Bool { !shapes.isEmpty }

    /// Shared memory for the inputs and outputs of tasks: by task, then by name.
    func place(
        _ tasks: [DeviceTask], _ models: [StagedModel], _ shapes: [DeviceTask: TensorShapes]
    ) throws(PreparationError) -> [[String: UnsafeMutableRawBufferPointer]] {
        var end = SharedMemory.tensorStart(lanes: lanes)
        var places: [[String: WorkerReadiness.Place]] = []
        for task in tasks {
            let model = models[task.model]
            let outputs = model.outputs.compactMap { shapes[task]?.made[$0] }
            var row: [String: WorkerReadiness.Place] = [:]
            for tensor in (shapes[task]?.inputs ?? []) + outputs where row[tensor.name] == nil {
                let place = try Self.place(for: tensor, at: end, of: model)
                row[tensor.name] = place
                end += (max(1, place.bytes) + Self.alignment - 1) / Self.alignment * Self.alignment
            }
            places.append(row)
        }
        guard end <= WorkerLimits.sharedBytes, ftruncate(memoryFile, end) == 0 else {
            throw .device(
                name: "worker", reason: "\(end) bytes of shared memory are not to be had for the tasks' tensors")
        }
        let memory: SharedMemory
        do throws(DeviceError) {
            memory = try SharedMemory(file: memoryFile, byteCount: end)
        } catch {
            throw .device(name: "worker", reason: error.description)
        }
        let readiness = WorkerReadiness(
            byteCount: end,
            tasks: zip(tasks, places).map { task, row in
                let model = models[task.model]
                return .init(
                    inputs: model.inputs.compactMap { row[$0] }, outputs: model.outputs.compactMap { row[$0] })
            },
            shapes: shapes.map { .init(task: $0.key, shapes: $0.value) })
        result.withLock { $0 = (memory, readiness) }
        return places.map { row in
            row.mapValues { UnsafeMutableRawBufferPointer(start: memory.base + $0.offset, count: $0.bytes) }
        }
    }

    private static func place(
        for tensor: InputShapes.Input, at offset: Int, of model: StagedModel
    ) throws(PreparationError) -> WorkerReadiness.Place {
        guard tensor.elementType == .string else { return .init(offset: offset, bytes: tensor.byteCount) }
        let count = tensor.shape.reduce(1, *)
        let most = WorkerLimits.stringBytes / MemoryLayout<UInt32>.size
        guard count <= most else {
            throw .unsupported(
                name: model.name,
                reason:
                    "its tensor '\(tensor.name)' holds \(count) strings; under 'isolation: process' \(most) are the most"
            )
        }
        return .init(offset: offset, bytes: SharedStrings.headerBytes + WorkerLimits.stringBytes, strings: count)
    }

    /// What to tell the parent, once the device has been made.
    func readiness() throws(PreparationError) -> (memory: SharedMemory, readiness: WorkerReadiness) {
        guard let result = result.withLock({ $0 }) else {
            throw .device(name: "worker", reason: "the device placed no tensors in shared memory")
        }
        return result
    }
}
