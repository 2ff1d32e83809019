import CCUDADriver

/// Copies and fills, executed in the stream's order. They allocate only on failure, and do not wait for the device if
/// the host memory is pinned.
extension CUDAStream {
    /// Copies from the host's memory to the device's.
    package func copy(
        fromHost source: UnsafeRawPointer, toDevice destination: UnsafeMutableRawPointer, byteCount: Int
    ) throws(CUDAError) {
        try context.library.check(
            context.library.functions.copy_to_device(address(destination), source, byteCount, handle.pointer),
            "cuMemcpyHtoDAsync", "copying to the GPU")
    }

    /// Copies from the device's memory to the host's.
    package func copy(
        fromDevice source: UnsafeRawPointer, toHost destination: UnsafeMutableRawPointer, byteCount: Int
    ) throws(CUDAError) {
        try context.library.check(
            context.library.functions.copy_to_host(destination, address(source), byteCount, handle.pointer),
            "cuMemcpyDtoHAsync", "copying from the GPU")
    }

    /// Copies within the device's memory.
    package func copy(
        fromDevice source: UnsafeRawPointer, toDevice destination: UnsafeMutableRawPointer, byteCount: Int
    ) throws(CUDAError) {
        try context.library.check(
            context.library.functions.copy_on_device(address(destination), address(source), byteCount, handle.pointer),
            "cuMemcpyDtoDAsync", "copying on the GPU")
    }

    /// Sets bytes of the device's memory to one value.
    package func fill(
        device destination: UnsafeMutableRawPointer, with value: UInt8 = 0, byteCount: Int
    ) throws(CUDAError) {
        try context.library.check(
            context.library.functions.fill(address(destination), value, byteCount, handle.pointer), "cuMemsetD8Async",
            "filling memory of the GPU")
    }

    /// Copies the first `byteCount` bytes; by default all of `source`.
    package func copy(
        from source: PinnedMemory, to destination: DeviceMemory, byteCount: Int? = nil
    ) throws(CUDAError) {
        let count = checked(byteCount, source.byteCount, destination.byteCount)
        try copy(fromHost: source.address, toDevice: destination.address, byteCount: count)
    }

    /// Copies the first `byteCount` bytes; by default all of `source`.
    package func copy(
        from source: DeviceMemory, to destination: PinnedMemory, byteCount: Int? = nil
    ) throws(CUDAError) {
        let count = checked(byteCount, source.byteCount, destination.byteCount)
        try copy(fromDevice: source.address, toHost: destination.address, byteCount: count)
    }

    /// Copies the first `byteCount` bytes; by default all of `source`.
    package func copy(
        from source: DeviceMemory, to destination: DeviceMemory, byteCount: Int? = nil
    ) throws(CUDAError) {
        let count = checked(byteCount, source.byteCount, destination.byteCount)
        try copy(fromDevice: source.address, toDevice: destination.address, byteCount: count)
    }

    /// Sets all bytes of `memory` to one value.
    package func fill(_ memory: DeviceMemory, with value: UInt8 = 0) throws(CUDAError) {
        try fill(device: memory.address, with: value, byteCount: memory.byteCount)
    }

    private func checked(_ byteCount: Int?, _ source: Int, _ destination: Int) -> Int {
        let count = byteCount ?? source
        precondition((0...min(source, destination)).contains(count), "a copy stays within both pieces of memory")
        return count
    }

    private func address(_ pointer: UnsafeRawPointer) -> DarisCudaAddress {
        DarisCudaAddress(UInt(bitPattern: pointer))
    }
}
