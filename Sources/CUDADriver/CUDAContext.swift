import CCUDADriver

/// The primary context of a device, which it shares with libraries of the CUDA runtime, such as ONNX Runtime.
///
/// It is retained once by this value and released once, after everything that lives in it.
package final class CUDAContext: Sendable {
    /// The driver.
    package let library: CUDALibrary
    /// The properties of the device.
    package let device: CUDADeviceFacts
    /// The priorities that a stream can have, from the highest (the lowest number) to the lowest.
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

    /// Makes the context current on the calling thread. A thread must do so before its first call on the hot path.
    package func makeCurrent() throws(CUDAError) {
        try library.check(
            library.functions.set_current(primary.pointer), "cuCtxSetCurrent", "making a GPU's context current")
    }

    /// Makes the context current on a thread that is about to release something.
    func makeCurrentToRelease() { _ = library.functions.set_current(primary.pointer) }

    /// The free and the total memory of the device, in bytes.
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
            CUDALibrary.retry(library.patience) { library.functions.retain_primary_context(&pointer, device) },
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

extension CUDAContext {
    /// Returns the object that `create` makes; the handle owns it.
    func make(
        _ call: StaticString, _ purpose: StaticString, release: @escaping CUDAHandle.Release,
        keeping owner: (any AnyObject & Sendable)? = nil,
        _ create: (UnsafeMutablePointer<OpaquePointer?>) -> DarisCudaResult
    ) throws(CUDAError) -> CUDAHandle {
        CUDAHandle(try take(call, purpose, create), in: self, release: release, keeping: owner)
    }

    /// Returns the object that `create` makes; the caller must release it.
    func take(
        _ call: StaticString, _ purpose: StaticString,
        _ create: (UnsafeMutablePointer<OpaquePointer?>) -> DarisCudaResult
    ) throws(CUDAError) -> OpaquePointer {
        var pointer: OpaquePointer?
        try library.check(create(&pointer), call, purpose)
        guard let pointer else {
            throw library.failure(DarisCudaResult(DARIS_CUDA_INVALID_HANDLE), call, purpose.description)
        }
        return pointer
    }
}

/// An object of the driver that lives in a context, released once, when this value ends.
///
/// The context, and what else the object depends on, is kept alive until after the release. The context is made current
/// before it. A failed release is ignored: the driver reports failures of earlier work there.
///
/// Any thread may use a handle: it is only a pointer.
struct CUDAHandle: ~Copyable, @unchecked Sendable {
    /// A function of the driver that releases an object.
    typealias Release = @convention(c) (OpaquePointer?) -> DarisCudaResult

    /// The object.
    let pointer: OpaquePointer
    let context: CUDAContext
    private let release: Release
    private let owner: (any AnyObject & Sendable)?

    /// Takes over `pointer`.
    init(
        _ pointer: OpaquePointer, in context: CUDAContext, release: @escaping Release,
        keeping owner: (any AnyObject & Sendable)? = nil
    ) {
        self.pointer = pointer
        self.context = context
        self.release = release
        self.owner = owner
    }

    deinit {
        context.makeCurrentToRelease()
        _ = release(pointer)
    }
}
