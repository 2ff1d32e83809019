import DarisCore

/// The bytes of a job's inputs and outputs, in the order of the model's graph. The device copies inputs in before the
/// first stage and outputs out after the last, so that nobody else touches the task's own tensors.
///
/// Copies take as long as the tensors are large, so a device makes them neither in `launch` nor where it hears of ends.
package class JobTensors: @unchecked Sendable {
    // Unchecked: written by whoever makes it, then by the lane that runs the job, then read by whoever is told of its
    // end; each hands it on through a lock.

    /// One array of bytes an input, row-major, little-endian, as the task's `TensorSize` says.
    package let inputs: [[UInt8]]
    /// One array of bytes an output, filled when the job completes.
    package internal(set) var outputs: [[UInt8]]

    init(inputs: [[UInt8]], outputSizes: [TensorSize]) {
        self.inputs = inputs
        outputs = outputSizes.map { [UInt8](repeating: 0, count: $0.byteCount ?? 0) }
    }

    /// Copies an input that is no string to where the device reads it.
    func copyInput(_ index: Int, to target: UnsafeMutableRawBufferPointer) {
        target.copyBytes(from: inputs[index].prefix(target.count))
    }

    /// Copies an output that is no string from where the device has written it.
    func copyOutput(_ index: Int, from source: UnsafeRawBufferPointer) {
        outputs[index].withUnsafeMutableBytes { target in
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix(target.count)))
        }
    }
}
