import CCUDADriver

/// A point in a stream's work. It can be queried, waited for and, with timing, measured from.
package final class CUDAEvent: Sendable {
    /// The context of the event.
    package let context: CUDAContext
    /// Whether times can be measured with it. An event without timing is cheaper.
    package let hasTiming: Bool

    let handle: CUDAHandle

    /// An event that is not yet recorded.
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

    /// Records the work enqueued on the stream so far, in place of what was recorded before.
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

    /// The device time between the recorded work of `start` and that of this event, in seconds.
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

/// A word of host memory that streams set. Reading it does not call the driver, whose locks other threads may wait for.
package final class CUDASignal: Sendable {
    private let memory: PinnedMemory

    /// A word that is 0, or `nil` if the driver is older than CUDA 11.7.
    package init?(context: CUDAContext) throws(CUDAError) {
        guard context.library.functions.write_word != nil else { return nil }
        memory = try PinnedMemory(context: context, byteCount: MemoryLayout<UInt32>.size)
        memory.address.storeBytes(of: 0, as: UInt32.self)
    }

    /// Makes a stream set the word once all work before is done and visible in host memory.
    package func set(_ value: UInt32, on stream: CUDAStream) throws(CUDAError) {
        let library = stream.context.library
        let result = library.functions.write_word(
            stream.handle.pointer, DarisCudaAddress(UInt(bitPattern: memory.address)), value, 0)
        try library.check(result, "cuStreamWriteValue32", "making a stream signal its end")
    }

    /// The value last set.
    package var value: UInt32 { daris_cuda_load(memory.address.assumingMemoryBound(to: UInt32.self)) }
}
