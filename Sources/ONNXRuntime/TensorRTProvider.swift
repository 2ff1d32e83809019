import CONNXRuntime
import Foundation

/// The execution provider that compiles parts of a model for an NVIDIA GPU with TensorRT. Only builds of ONNX Runtime that
/// list `TensorrtExecutionProvider` among ``ONNXRuntimeLibrary/providers`` have it.
package struct TensorRTProvider: Sendable {
    /// ONNX Runtime's options of the provider, such as `trt_fp16_enable` or `trt_engine_cache_path`.
    package var options: [String: String]
    /// The CUDA stream (`CUstream`) for all work of the session, or `nil` for one of the session's own. It must outlive
    /// the session. Any thread may hold the pointer.
    package nonisolated(unsafe) var stream: UnsafeMutableRawPointer?

    /// A provider with these options.
    package init(options: [String: String] = [:], stream: UnsafeMutableRawPointer? = nil) {
        self.options = options
        self.stream = stream
    }

    /// Adds the provider to a session's options.
    func append(to sessionOptions: OpaquePointer, api: API, subject: String) throws(ONNXRuntimeError) {
        let table = api.table
        let native = try api.make(
            "CreateTensorRTProviderOptions", for: subject, release: daris_ort_release_tensorrt_options
        ) { daris_ort_create_tensorrt_options(table, &$0) }
        let entries = options.sorted { $0.key < $1.key }
        let keys = CStringArray(entries.map(\.key))
        let values = CStringArray(entries.map(\.value))
        try api.check(
            daris_ort_update_tensorrt_options(table, native.pointer, keys.pointers, values.pointers, entries.count),
            "UpdateTensorRTProviderOptions", subject)
        if let stream {
            try api.check(
                daris_ort_update_tensorrt_option_with_pointer(table, native.pointer, "user_compute_stream", stream),
                "UpdateTensorRTProviderOptionsWithValue", subject)
        }
        try api.check(
            daris_ort_append_tensorrt_provider(table, sessionOptions, native.pointer),
            "SessionOptionsAppendExecutionProvider_TensorRT_V2", subject)
    }
}

/// The needs of ONNX Runtime's TensorRT provider on a machine beyond those of the CUDA provider, read from its file.
package struct TensorRTProviderNeeds: Hashable, Sendable {
    /// The provider's file.
    package let path: String
    /// The major version of the TensorRT that it was built with.
    package let majorVersion: Int
    /// The libraries of TensorRT that the system's loader must find.
    package let libraries: [String]

    /// The needs of the provider beside an ONNX Runtime, or `nil` if there is none.
    package init?(of library: ONNXRuntimeLibrary) {
        self.init(path: (library.path as NSString).resolvingSymlinksInPath)
    }

    /// - Parameter path: of ONNX Runtime.
    init?(path runtime: String) {
        let folder = URL(fileURLWithPath: runtime).deletingLastPathComponent()
        path = folder.appendingPathComponent("libonnxruntime_providers_tensorrt.so").path
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else { return nil }
        let found = ["nvinfer", "nvinfer_plugin", "nvonnxparser"].compactMap { stem in
            CUDAProviderNeeds.version(of: "lib\(stem).so.", in: data).map { (name: "lib\(stem).so.\($0)", version: $0) }
        }
        guard let major = found.first(where: { $0.name.hasPrefix("libnvinfer.so") })?.version else { return nil }
        majorVersion = major
        libraries = found.map(\.name)
    }

    /// The loader's message for the first library that it does not find, or `nil` if it finds all. Those found stay
    /// loaded.
    package func missingLibrary() -> String? {
        for name in libraries where dlopen(name, RTLD_LAZY | RTLD_LOCAL) == nil {
            return dlerror().map { String(cString: $0) } ?? "\(name) cannot be loaded"
        }
        return nil
    }
}
