import CCUDADriver

extension CUDAStream {
    /// Captures what `body` puts on the stream into a graph, instead of doing it.
    ///
    /// The capture holds for the calling thread, on which it must begin and end; other threads go on as they like.
    /// Inside it, neither waiting nor allocating is allowed, on any stream of this thread.
    ///
    /// - Returns: The graph, which keeps host functions alive, but no memory.
    /// - Throws: What `body` throws, after the capture has ended and everything captured is released; ``CUDAError`` if
    ///   the driver fails or something was called that cannot be captured
    ///   (``CUDAError/isCaptureFailure``).
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
