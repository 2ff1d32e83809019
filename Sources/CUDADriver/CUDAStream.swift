import CCUDADriver
import Synchronization

/// A queue of work for a device, executed in order.
///
/// Memory that work on the stream reads or writes must stay alive until that work is done. A stream that is dropped
/// finishes its work.
package final class CUDAStream: Sendable {
    /// The context of the stream's memory and kernels.
    package let context: CUDAContext
    /// The green context whose SMs the stream works on, or `nil` for the whole device.
    package let greenContext: GreenContext?
    /// The stream's priority; lower numbers go first.
    package let priority: Int

    let handle: CUDAHandle
    /// The host functions of the current capture, or `nil` while there is none.
    private let captured = Mutex<[HostFunction]?>(nil)

    /// A stream that does not wait for the device's default stream.
    ///
    /// - Parameter priority: Lower numbers go first; clamped to ``CUDAContext/streamPriorityRange``.
    package init(context: CUDAContext, priority: Int = 0) throws(CUDAError) {
        let functions = context.library.functions
        let flags = UInt32(DARIS_CUDA_STREAM_NON_BLOCKING)
        try context.makeCurrent()
        handle = try context.make("cuStreamCreateWithPriority", "making a stream", release: functions.destroy_stream) {
            functions.create_stream($0, flags, Int32(clamping: priority))
        }
        self.context = context
        greenContext = nil
        self.priority = priority
    }

    /// A stream that works on the SMs of a green context.
    ///
    /// - Parameter priority: Lower numbers go first; clamped to ``CUDAContext/streamPriorityRange``.
    package init(greenContext: GreenContext, priority: Int = 0) throws(CUDAError) {
        let context = greenContext.context
        let functions = context.library.functions
        let flags = UInt32(DARIS_CUDA_STREAM_NON_BLOCKING)
        try context.makeCurrent()
        if functions.create_green_stream != nil {
            handle = try context.make(
                "cuGreenCtxStreamCreate", "making a stream", release: functions.destroy_stream, keeping: greenContext
            ) { functions.create_green_stream($0, greenContext.pointer, flags, Int32(clamping: priority)) }
        } else {
            // CUDA 12.4 makes a stream in the current context.
            let purpose: StaticString = "making a stream in a green context"
            var view: OpaquePointer?
            try context.library.check(
                functions.context_from_green(&view, greenContext.pointer), "cuCtxFromGreenCtx", purpose)
            try context.library.check(functions.set_current(view), "cuCtxSetCurrent", purpose)
            let made: Result<DarisCudaStream, CUDAError>
            do throws(CUDAError) {
                made = .success(
                    try context.take("cuStreamCreateWithPriority", purpose) {
                        functions.create_stream($0, flags, Int32(clamping: priority))
                    })
            } catch {
                made = .failure(error)
            }
            // The thread must not stay in the green context, even after a failure.
            let back = functions.set_current(context.pointer)
            handle = CUDAHandle(
                try made.get(), in: context, release: functions.destroy_stream, keeping: greenContext)
            try context.library.check(back, "cuCtxSetCurrent", purpose)
        }
        self.context = context
        self.greenContext = greenContext
        self.priority = priority
    }

    /// The driver's handle (`CUstream`), for libraries such as ONNX Runtime. It lives as long as this value.
    package var rawValue: UnsafeMutableRawPointer { UnsafeMutableRawPointer(handle.pointer) }

    /// Whether all work enqueued so far is done.
    package var isIdle: Bool {
        get throws(CUDAError) {
            let library = context.library
            let result = library.functions.query_stream(handle.pointer)
            if result == DARIS_CUDA_NOT_READY { return false }
            try library.check(result, "cuStreamQuery", "asking whether a stream is idle")
            return true
        }
    }

    /// Waits until all work enqueued so far is done.
    package func synchronize() throws(CUDAError) {
        try context.library.check(
            context.library.functions.synchronize_stream(handle.pointer), "cuStreamSynchronize", "waiting for a stream")
    }

    /// Makes later work on the stream wait for the work that `event` last recorded; the calling thread does not wait.
    package func wait(for event: CUDAEvent) throws(CUDAError) {
        try context.library.check(
            context.library.functions.stream_wait_event(handle.pointer, event.handle.pointer, 0), "cuStreamWaitEvent",
            "making a stream wait for an event")
    }
}

extension CUDAStream {
    /// Captures the work that `body` enqueues on the stream into a graph; the work does not run.
    ///
    /// The capture applies to the calling thread, on which it must begin and end; other threads are not affected.
    /// During it this thread must not wait or allocate, on any stream.
    ///
    /// - Returns: The graph, which keeps host functions alive, but no memory.
    /// - Throws: What `body` throws, after the capture has ended and everything captured is released; ``CUDAError`` if
    ///   the driver fails or a call cannot be captured.
    package func capture(_ body: () throws -> Void) throws -> CUDAGraph {
        let library = context.library
        try library.require(.graphs)
        try context.makeCurrent()
        captured.withLock { functions in
            precondition(functions == nil, "a stream has one capture at a time")
            functions = []
        }
        let begun = library.functions.begin_capture(handle.pointer, Int32(DARIS_CUDA_CAPTURE_THREAD_LOCAL))
        guard begun == DARIS_CUDA_SUCCESS else {
            captured.withLock { $0 = nil }
            throw library.failure(begun, "cuStreamBeginCapture", "beginning to capture a stream")
        }
        let outcome = Result { try body() }
        var pointer: OpaquePointer?
        let ended = library.functions.end_capture(handle.pointer, &pointer)
        let functions = captured.withLock { functions in
            defer { functions = nil }
            return functions ?? []
        }
        // Released at the end of this function if anything failed.
        let handle = pointer.map { CUDAHandle($0, in: context, release: library.functions.destroy_graph) }
        try outcome.get()
        try library.check(ended, "cuStreamEndCapture", "capturing a stream")
        guard let handle else {
            throw library.failure(
                DarisCudaResult(DARIS_CUDA_CAPTURE_INVALIDATED), "cuStreamEndCapture", "capturing a stream")
        }
        return try CUDAGraph(handle, hostFunctions: functions)
    }
}

extension CUDAStream {
    /// Enqueues a function that the host calls; later work on the stream waits for it.
    ///
    /// The function runs on a thread of the driver. It must not call CUDA, drop objects of CUDA, or wait for a stream.
    /// It is not called if the context is lost before. In a capture it becomes part of the graph and is called at each
    /// launch.
    package func launchHostFunction(_ body: @escaping @Sendable () -> Void) throws(CUDAError) {
        let function = HostFunction(body)
        let isCaptured = captured.withLock { functions in
            functions?.append(function)
            return functions != nil
        }
        // The graph keeps a captured function alive. Any other is kept until its only call.
        let data = isCaptured ? Unmanaged.passUnretained(function) : Unmanaged.passRetained(function)
        let result = context.library.functions.launch_host_function(
            handle.pointer, isCaptured ? Self.callKept : Self.callOnce, data.toOpaque())
        guard result != DARIS_CUDA_SUCCESS else { return }
        if !isCaptured { data.release() }
        throw context.library.failure(result, "cuLaunchHostFunc", "enqueuing a host function")
    }

    private static let callKept: @convention(c) (UnsafeMutableRawPointer?) -> Void = { data in
        if let data { Unmanaged<HostFunction>.fromOpaque(data).takeUnretainedValue().body() }
    }

    private static let callOnce: @convention(c) (UnsafeMutableRawPointer?) -> Void = { data in
        if let data { Unmanaged<HostFunction>.fromOpaque(data).takeRetainedValue().body() }
    }
}

/// A function that a stream calls on the host.
final class HostFunction: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
