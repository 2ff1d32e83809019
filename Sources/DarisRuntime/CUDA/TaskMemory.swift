import CUDADriver
import DarisCore
import ONNXRuntime

/// The memory of one instance of a task on a GPU. It has at most one job in flight, so its jobs share it.
final class TaskMemory: Sendable {
    /// Memory of another owner that inputs come from and outputs go to, where the device runs in a worker process.
    struct Shared: @unchecked Sendable {
        // Unchecked: the other side touches it only while no job of the task is in flight.
        var inputs: [UnsafeMutableRawBufferPointer]
        var outputs: [UnsafeMutableRawBufferPointer]

        /// The places of a model's tensors; `nil` if there are none.
        init?(inputs: [String], outputs: [String], in places: [String: UnsafeMutableRawBufferPointer]) {
            guard !places.isEmpty else { return nil }
            self.inputs = inputs.compactMap { places[$0] }
            self.outputs = outputs.compactMap { places[$0] }
        }
    }

    /// Inputs of the job, or of the task if its jobs are periodic.
    let inputs: PinnedMemory
    /// Outputs of the job.
    let outputs: PinnedMemory
    /// What its stages make for later ones; `nil` for a model of one stage.
    let device: DeviceMemory?
    let layout: TensorLayout
    private let shared: Shared?

    init(_ layout: TensorLayout, shared: Shared? = nil, context: CUDAContext) throws(CUDAError) {
        self.layout = layout
        self.shared = shared
        inputs = try PinnedMemory(context: context, byteCount: max(1, layout.hostInputBytes))
        outputs = try PinnedMemory(context: context, byteCount: max(1, layout.hostOutputBytes))
        device = layout.deviceBytes == 0 ? nil : try DeviceMemory(context: context, byteCount: layout.deviceBytes)
    }

    /// Where the job has the bytes of a copy.
    func address(of copy: TensorLayout.Copy) -> UnsafeMutableRawPointer {
        switch copy.memory {
        case .hostInput: return inputs.address + copy.offset
        case .hostOutput: return outputs.address + copy.offset
        case .device:
            guard let device else { preconditionFailure("a layout with tensors between stages has memory for them") }
            return device.address + copy.offset
        }
    }

    /// Sets the inputs that periodic jobs run on, in the order of the model's graph.
    func fill(_ tensors: [Tensor?]) {
        for (index, (port, tensor)) in zip(layout.inputs, tensors).enumerated() {
            tensor?.withUnsafeBytes { source in
                place(source, at: port)
                shared?.inputs[index].copyMemory(from: source)
            }
        }
    }

    /// Takes a job's inputs over, before its first stage.
    func take(_ io: JobTensors?) {
        if let io {
            for (index, port) in layout.inputs.enumerated() where index < io.inputs.count {
                io.copyInput(index, to: .init(start: inputs.address + port.offset, count: port.bytes))
            }
        } else if let shared {
            for (port, bytes) in zip(layout.inputs, shared.inputs) { place(UnsafeRawBufferPointer(bytes), at: port) }
        }
    }

    /// How many bytes `take` copies of a job's own.
    func bytesToTake(_ io: JobTensors?) -> Int { io == nil ? 0 : layout.hostInputBytes }

    /// How many bytes `give` copies.
    func bytesToGive(_ io: JobTensors?) -> Int { io == nil && shared == nil ? 0 : layout.hostOutputBytes }

    private func place(_ source: UnsafeRawBufferPointer, at port: TensorLayout.Port) {
        guard let start = source.baseAddress else { return }
        (inputs.address + port.offset).copyMemory(from: start, byteCount: min(port.bytes, source.count))
    }

    /// Hands a job its outputs, after its last stage.
    func give(_ io: JobTensors?) {
        for (index, port) in layout.outputs.enumerated() {
            let source = UnsafeRawBufferPointer(start: outputs.address + port.offset, count: port.bytes)
            if let io {
                io.copyOutput(index, from: source)
            } else if let shared {
                shared.outputs[index].copyMemory(from: source)
            }
        }
    }
}
