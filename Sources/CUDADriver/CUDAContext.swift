import CCUDADriver

/// The primary context of a device: the one that libraries of the CUDA runtime, such as ONNX Runtime, work in too.
///
/// It is retained once by this value and released once, after everything that lives in it.
package final class CUDAContext: Sendable {
    /// The driver.
    package let library: CUDALibrary
    /// What is fixed about the device.
    package let device: CUDADeviceFacts
    /// The priorities that a stream can have; lower numbers go first.
    ///
    /// From the highest priority (the least number) to the lowest.
    package let streamPriorityRange: ClosedRange<Int>

    /// The driver's handle of the device.
    let deviceHandle: DarisCudaDevice
    private let primary: PrimaryContext

    /// Retains the primary context of a device and makes it current on the calling thread.
    ///
    /// - Parameter device: The device's number, as the driver counts.
    package init(library: CUDALibrary, device index: Int = 0) throws(CUDAError) {
        let device = try library.facts(ofDevice: index)
        let deviceHandle = try library.handle(ofDevice: index)
        let primary = try PrimaryContext(library: library, device: deviceHandle)
        try library.check(
            library.functions.set_current(primary.pointer), "cuCtxSetCurrent", "making a GPU's context current")
        var least: Int32 = 0
        var greatest: Int32 = 0
        try library.check(
            library.functions.stream_priority_range(&least, &greatest), "cuCtxGetStreamPriorityRange",
            "reading the priorities of streams")
        self.library = library
        self.device = device
        self.deviceHandle = deviceHandle
        self.primary = primary
        streamPriorityRange = min(Int(least), Int(greatest))...max(Int(least), Int(greatest))
    }

    /// The driver's handle (`CUcontext`).
    var pointer: OpaquePointer { primary.pointer }

    /// Makes the context current on the calling thread, which a thread does before its first call on the hot path.
    package func makeCurrent() throws(CUDAError) {
        try library.check(
            library.functions.set_current(primary.pointer), "cuCtxSetCurrent", "making a GPU's context current")
    }

    /// Makes the context current on a thread that is about to release something.
    func makeCurrentToRelease() { _ = library.functions.set_current(primary.pointer) }

    /// The memory of the device that no process uses, and all of it, in bytes.
    package func freeMemory() throws(CUDAError) -> (free: Int, total: Int) {
        try makeCurrent()
        var free = 0
        var total = 0
        try library.check(
            library.functions.memory_info(&free, &total), "cuMemGetInfo", "reading how much memory is free")
        return (free, total)
    }

    /// Waits until all work of the context, on every stream, is done.
    package func synchronize() throws(CUDAError) {
        try makeCurrent()
        try library.check(library.functions.synchronize_context(), "cuCtxSynchronize", "waiting for the GPU")
    }
}

/// A retained primary context, released when this value ends.
private final class PrimaryContext: Sendable {
    nonisolated(unsafe) let pointer: OpaquePointer
    private let library: CUDALibrary
    private let device: DarisCudaDevice

    init(library: CUDALibrary, device: DarisCudaDevice) throws(CUDAError) {
        var pointer: OpaquePointer?
        try library.check(
            CUDALibrary.ask(library.patience) { library.functions.retain_primary_context(&pointer, device) },
            "cuDevicePrimaryCtxRetain",
            "opening a GPU's context")
        guard let pointer else {
            throw library.failure(
                DarisCudaResult(DARIS_CUDA_INVALID_CONTEXT), "cuDevicePrimaryCtxRetain", "opening a GPU's context")
        }
        self.pointer = pointer
        self.library = library
        self.device = device
    }

    deinit { _ = library.functions.release_primary_context(device) }
}
