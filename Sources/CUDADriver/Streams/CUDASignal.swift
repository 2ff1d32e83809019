import CCUDADriver

/// A word of the host's memory that streams set. Looking at it is a read of memory: the driver, whose locks the calls of
/// other threads wait for, is not asked.
package final class CUDASignal: Sendable {
    private let memory: PinnedMemory

    /// A word that is 0, or `nil` if the driver is older than CUDA 11.7.
    package init?(context: CUDAContext) throws(CUDAError) {
        guard context.library.functions.write_word != nil else { return nil }
        memory = try PinnedMemory(context: context, byteCount: MemoryLayout<UInt32>.size)
        memory.address.storeBytes(of: 0, as: UInt32.self)
    }

    /// Has a stream set the word once the work before is done, and what that wrote to the host's memory is there.
    package func set(_ value: UInt32, on stream: CUDAStream) throws(CUDAError) {
        let library = stream.context.library
        let result = library.functions.write_word(
            stream.handle.pointer, DarisCudaAddress(UInt(bitPattern: memory.address)), value, 0)
        try library.check(result, "cuStreamWriteValue32", "having a stream signal its end")
    }

    /// What was last set.
    package var value: UInt32 { daris_cuda_load(memory.address.assumingMemoryBound(to: UInt32.self)) }
}
