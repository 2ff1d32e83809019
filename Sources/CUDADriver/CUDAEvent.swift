import CCUDADriver

/// A point in a stream's work that can be asked for, waited for and, with timing, measured from.
package final class CUDAEvent: Sendable {
    /// The context of the event.
    package let context: CUDAContext
    /// Whether times can be measured with it. An event without is cheaper.
    package let hasTiming: Bool

    let handle: CUDAHandle

    /// An event that was not recorded yet.
    package init(context: CUDAContext, timing: Bool = true) throws(CUDAError) {
        try context.makeCurrent()
        let functions = context.library.functions
        let flags = timing ? 0 : UInt32(DARIS_CUDA_EVENT_DISABLE_TIMING)
        handle = try context.make("cuEventCreate", "making an event", release: functions.destroy_event) {
            functions.create_event($0, flags)
        }
        self.context = context
        hasTiming = timing
    }

    /// Records the work put on the stream so far. What was recorded before is forgotten.
    package func record(on stream: CUDAStream) throws(CUDAError) {
        try context.library.check(
            context.library.functions.record_event(handle.pointer, stream.handle.pointer), "cuEventRecord",
            "recording an event")
    }

    /// Whether the recorded work is done; `true` for an event that was never recorded.
    package var isDone: Bool {
        get throws(CUDAError) {
            let library = context.library
            let result = library.functions.query_event(handle.pointer)
            if result == DARIS_CUDA_NOT_READY { return false }
            try library.check(result, "cuEventQuery", "asking whether work of the GPU is done")
            return true
        }
    }

    /// Waits until the recorded work is done.
    package func synchronize() throws(CUDAError) {
        try context.library.check(
            context.library.functions.synchronize_event(handle.pointer), "cuEventSynchronize", "waiting for an event")
    }

    /// The seconds of the device between the recorded work of `start` and that of this event.
    ///
    /// Both need timing, and both must be done. The resolution is about half a microsecond.
    package func seconds(since start: CUDAEvent) throws(CUDAError) -> Double {
        precondition(hasTiming && start.hasTiming, "times are measured between events with timing")
        var milliseconds: Float = 0
        try context.library.check(
            context.library.functions.elapsed_milliseconds(&milliseconds, start.handle.pointer, handle.pointer),
            "cuEventElapsedTime", "measuring time between events")
        return Double(milliseconds) / 1_000
    }
}
