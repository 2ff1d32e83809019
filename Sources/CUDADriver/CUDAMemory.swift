import CCUDADriver

/// A piece of a device's memory, aligned to at least 256 bytes; its content is undefined at first.
///
/// It is freed when this value is dropped, for which the driver waits for all work of the device.
package final class DeviceMemory: Sendable {
    /// The context of the memory.
    package let context: CUDAContext
    /// The size in bytes.
    package let byteCount: Int
    /// The address on the device, at which the host cannot read.
    package nonisolated(unsafe) let address: UnsafeMutableRawPointer

    /// Allocates memory of at least one byte.
    package init(context: CUDAContext, byteCount: Int) throws(CUDAError) {
        precondition(byteCount >= 1, "memory has at least one byte")
        try context.makeCurrent()
        var address: DarisCudaAddress = 0
        let result = context.library.functions.allocate(&address, byteCount)
        guard result == DARIS_CUDA_SUCCESS, let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
            throw context.library.failure(
                result == DARIS_CUDA_SUCCESS ? DarisCudaResult(DARIS_CUDA_OUT_OF_MEMORY) : result, "cuMemAlloc",
                "allocating \(byteCount) bytes on the GPU")
        }
        self.context = context
        self.byteCount = byteCount
        self.address = pointer
    }

    deinit {
        context.makeCurrentToRelease()
        _ = context.library.functions.free(DarisCudaAddress(UInt(bitPattern: address)))
    }
}
