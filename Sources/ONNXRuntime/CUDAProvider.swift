import CONNXRuntime

/// The execution provider that runs operators on an NVIDIA GPU. Only builds of ONNX Runtime that list
/// `CUDAExecutionProvider` among ``ONNXRuntimeLibrary/providers`` have it.
package struct CUDAProvider: Sendable {
    /// ONNX Runtime's options of the provider, such as `device_id` or `cudnn_conv_algo_search`.
    package var options: [String: String]
    /// The CUDA stream on which all work of the session goes, or `nil` for one of the session's own. It must outlive
    /// the session. A `CUstream`, which is a name that any thread may hold, so that the missing `Sendable` does not
    /// matter.
    package nonisolated(unsafe) var stream: UnsafeMutableRawPointer?

    /// A provider with these options.
    package init(options: [String: String] = [:], stream: UnsafeMutableRawPointer? = nil) {
        self.options = options
        self.stream = stream
    }

    /// Adds the provider to a session's options.
    func append(to sessionOptions: OpaquePointer, api: API, subject: String) throws(ONNXRuntimeError) {
        let table = api.table
        let native = try api.make("CreateCUDAProviderOptions", for: subject, release: daris_ort_release_cuda_options) {
            daris_ort_create_cuda_options(table, &$0)
        }
        let entries = options.sorted { $0.key < $1.key }
        let keys = CStringArray(entries.map(\.key))
        let values = CStringArray(entries.map(\.value))
        try api.check(
            daris_ort_update_cuda_options(table, native.pointer, keys.pointers, values.pointers, entries.count),
            "UpdateCUDAProviderOptions", subject)
        if let stream {
            try api.check(
                daris_ort_update_cuda_option_with_pointer(table, native.pointer, "user_compute_stream", stream),
                "UpdateCUDAProviderOptionsWithValue", subject)
        }
        try api.check(
            daris_ort_append_cuda_provider(table, sessionOptions, native.pointer),
            "SessionOptionsAppendExecutionProvider_CUDA_V2", subject)
    }
}
