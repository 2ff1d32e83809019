import CUDADriver
import DarisCore

/// The memory of one task on a GPU. A task has at most one job in flight, so its jobs share it.
final class TaskMemory: Sendable {
    /// Inputs of the job, or of the task if its jobs are periodic.
    let inputs: PinnedMemory
    /// Outputs of the job.
    let outputs: PinnedMemory
    /// What its stages make for later ones; `nil` for a model of one stage.
    let device: DeviceMemory?
    let layout: TensorLayout

    init(_ layout: TensorLayout, context: CUDAContext) throws(CUDAError) {
        self.layout = layout
        inputs = try PinnedMemory(context: context, byteCount: max(1, layout.hostInputBytes))
        outputs = try PinnedMemory(context: context, byteCount: max(1, layout.hostOutputBytes))
        device = layout.deviceBytes == 0 ? nil : try DeviceMemory(context: context, byteCount: layout.deviceBytes)
    }

    /// Takes a job's inputs over, before its first stage.
    func take(_ io: JobTensors) {
        for (port, bytes) in zip(layout.inputs, io.inputs) {
            bytes.withUnsafeBytes { source in
                guard let start = source.baseAddress else { return }
                (inputs.address + port.offset).copyMemory(from: start, byteCount: min(port.bytes, source.count))
            }
        }
    }

    /// Hands a job its outputs, after its last stage.
    func give(_ io: JobTensors) {
        for (index, port) in layout.outputs.enumerated() {
            io.outputs[index].withUnsafeMutableBytes { target in
                target.copyMemory(
                    from: UnsafeRawBufferPointer(start: outputs.address + port.offset, count: port.bytes))
            }
        }
    }
}
