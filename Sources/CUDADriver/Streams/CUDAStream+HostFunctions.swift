import CCUDADriver

extension CUDAStream {
    /// Has the host call a function when the work put on the stream so far is done; work put on it later waits.
    ///
    /// The function runs on a thread of the driver's. It must not call CUDA, drop objects of CUDA, nor wait for anything
    /// that a stream does. It is not called if the context is lost before. In a capture it becomes part of the graph and
    /// is called at each launch.
    package func launchHostFunction(_ body: @escaping @Sendable () -> Void) throws(CUDAError) {
        let function = HostFunction(body)
        let isCaptured = captured.withLock { functions in
            functions?.append(function)
            return functions != nil
        }
        // A captured function is kept by its graph; another is kept by its one call.
        let data = isCaptured ? Unmanaged.passUnretained(function) : Unmanaged.passRetained(function)
        let result = context.library.functions.launch_host_function(
            handle.pointer, isCaptured ? Self.callKept : Self.callOnce, data.toOpaque())
        guard result != DARIS_CUDA_SUCCESS else { return }
        if !isCaptured { data.release() }
        throw context.library.failure(result, "cuLaunchHostFunc", "having a stream call the host")
    }

    private static let callKept: @convention(c) (UnsafeMutableRawPointer?) -> Void = { data in
        if let data { Unmanaged<HostFunction>.fromOpaque(data).takeUnretainedValue().body() }
    }

    private static let callOnce: @convention(c) (UnsafeMutableRawPointer?) -> Void = { data in
        if let data { Unmanaged<HostFunction>.fromOpaque(data).takeRetainedValue().body() }
    }
}
