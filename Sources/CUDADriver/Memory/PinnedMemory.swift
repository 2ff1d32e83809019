import CCUDADriver

/// A piece of the host's memory that stays in place, so that a device copies to and from it by itself; its content is
/// undefined at first.
package final class PinnedMemory: Sendable {
    /// The context of the memory.
    package let context: CUDAContext
    /// The size in bytes.
    package let byteCount: Int
    /// The address on the host.
    package nonisolated(unsafe) let address: UnsafeMutableRawPointer

    /// Allocates memory of at least one byte.
    package init(context: CUDAContext, byteCount: Int) throws(CUDAError) {
        precondition(byteCount >= 1, "memory has at least one byte")
        try context.makeCurrent()
        var pointer: UnsafeMutableRawPointer?
        let result = context.library.functions.allocate_host(&pointer, byteCount, 0)
        guard result == DARIS_CUDA_SUCCESS, let pointer else {
            throw context.library.failure(
                result == DARIS_CUDA_SUCCESS ? DarisCudaResult(DARIS_CUDA_OUT_OF_MEMORY) : result, "cuMemHostAlloc",
                "pinning \(byteCount) bytes of the host's memory")
        }
        self.context = context
        self.byteCount = byteCount
        address = pointer
    }

    /// The bytes, for the host to read and write while no work of the device uses them.
    package var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: address, count: byteCount) }

    deinit {
        context.makeCurrentToRelease()
        _ = context.library.functions.free_host(address)
    }
}
