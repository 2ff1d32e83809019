import CCUDADriver

/// A piece of device memory, aligned to at least 256 bytes; its content is undefined at first.
///
/// It is freed when this value is dropped. For that the driver waits for all work of the device.
package final class DeviceMemory: Sendable {
    /// The context of the memory.
    package let context: CUDAContext
    /// The size in bytes.
    package let byteCount: Int
    /// The address on the device, which the host cannot read.
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

/// A piece of pinned host memory, which a device can access by itself; its content is undefined at first.
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
                "pinning \(byteCount) bytes of host memory")
        }
        self.context = context
        self.byteCount = byteCount
        address = pointer
    }

    /// The bytes, which the host may access while no work of the device uses them.
    package var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: address, count: byteCount) }

    deinit {
        context.makeCurrentToRelease()
        _ = context.library.functions.free_host(address)
    }
}
