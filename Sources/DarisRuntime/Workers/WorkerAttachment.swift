import CDarisSystem
import ONNXRuntime
import Synchronization

/// A worker that is ready, as the threads see it that send it stages and hear of their ends: its memory and what is where.
final class WorkerAttachment: Sendable {
    let memory: SharedMemory
    /// The process's number, for messages and tests.
    let process: Int32
    private let lanes: Int
    private let tasks: [WorkerReadiness.Places]
    private let closed = Atomic<Bool>(false)
    private let fault = Mutex<String?>(nil)

    init(memory: SharedMemory, process: Int32, lanes: Int, tasks: [WorkerReadiness.Places]) {
        self.memory = memory
        self.process = process
        self.lanes = lanes
        self.tasks = tasks
    }

    /// What was impossible about what the worker wrote, if anything.
    var violation: String? { fault.withLock { $0 } }

    func note(violation: String) { fault.withLock { $0 = $0 ?? violation } }

    /// Whether the worker is to be watched no more.
    var isClosed: Bool { closed.load(ordering: .acquiring) }

    /// Ends the watching.
    func close() {
        closed.store(true, ordering: .releasing)
        for lane in 0..<lanes { wake(lane) }
    }

    /// Has a lane's watching thread look again, whatever the worker says of its sleeping.
    func wake(_ lane: Int) {
        let slot = memory.slot(lane)
        daris_increment(slot.changes)
        daris_wake(slot.changes)
    }

    /// Copies a job's inputs to where the worker reads them.
    func copyIn(_ io: JobTensors, task: Int) {
        for (index, place) in tasks[task].inputs.enumerated() where index < io.inputs.count {
            let target = bytesOf(place)
            if place.strings == nil {
                io.copyInput(index, to: target)
            } else {
                SharedStrings(memory: target).write(io.inputs[index])
            }
        }
    }

    /// Copies a job's outputs from where the worker wrote them.
    ///
    /// - Returns: what is impossible about them, if anything.
    func copyOut(_ io: JobTensors, task: Int) -> DeviceError? {
        for (index, place) in tasks[task].outputs.enumerated() where index < io.outputs.count {
            let source = bytesOf(place)
            guard let count = place.strings else {
                io.copyOutput(index, from: UnsafeRawBufferPointer(source))
                continue
            }
            guard let strings = SharedStrings(memory: source).read(), EncodedStrings.count(strings) == count else {
                return DeviceError("its worker process wrote what are not \(count) strings")
            }
            io.outputs[index] = strings
        }
        return nil
    }

    private func bytesOf(_ place: WorkerReadiness.Place) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: memory.base + place.offset, count: place.bytes)
    }
}
