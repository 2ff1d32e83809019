import CCUDADriver
import Synchronization

/// A queue of work for a device, done in order.
///
/// Memory that work on the stream reads or writes must stay alive until that work is done. A stream that is dropped
/// finishes its work.
package final class CUDAStream: Sendable {
    /// The context whose memory and kernels the stream works with.
    package let context: CUDAContext
    /// The green context whose SMs the stream works on, or `nil` for the whole device.
    package let greenContext: GreenContext?
    /// The stream's priority; lower numbers go first.
    package let priority: Int

    let handle: CUDAHandle
    /// The host functions of the capture that goes on now, or `nil` while there is none.
    let captured = Mutex<[HostFunction]?>(nil)

    /// A stream that does not wait for the device's default stream.
    ///
    /// - Parameter priority: Lower numbers go first; beyond ``CUDAContext/streamPriorityRange`` its ends hold.
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
    /// - Parameter priority: Lower numbers go first; beyond ``CUDAContext/streamPriorityRange`` its ends hold.
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
            // CUDA 12.4 makes a stream in whatever context is current.
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
            // Whatever came of it, the thread must not stay in the green context.
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

    /// Whether all work put on the stream so far is done.
    package var isIdle: Bool {
        get throws(CUDAError) {
            let library = context.library
            let result = library.functions.query_stream(handle.pointer)
            if result == DARIS_CUDA_NOT_READY { return false }
            try library.check(result, "cuStreamQuery", "asking whether a stream is idle")
            return true
        }
    }

    /// Waits until all work put on the stream so far is done.
    package func synchronize() throws(CUDAError) {
        try context.library.check(
            context.library.functions.synchronize_stream(handle.pointer), "cuStreamSynchronize", "waiting for a stream")
    }

    /// Has work put on the stream from now on wait for what `event` last recorded; the calling thread does not wait.
    package func wait(for event: CUDAEvent) throws(CUDAError) {
        try context.library.check(
            context.library.functions.stream_wait_event(handle.pointer, event.handle.pointer, 0), "cuStreamWaitEvent",
            "having a stream wait for an event")
    }
}
