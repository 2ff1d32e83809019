import CONNXRuntime
import Foundation

/// The execution provider that runs operators on an NVIDIA GPU. Only builds of ONNX Runtime that list
/// `CUDAExecutionProvider` among ``ONNXRuntimeLibrary/providers`` have it.
package struct CUDAProvider: Sendable {
    /// ONNX Runtime's options of the provider, such as `device_id` or `cudnn_conv_algo_search`.
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

/// The needs of ONNX Runtime's CUDA provider on a machine, read from the provider's file.
///
/// The provider is not loaded: it would hold a context of a GPU until the process ends.
package struct CUDAProviderNeeds: Hashable, Sendable {
    /// The provider's file.
    package let path: String
    /// The major version of the CUDA that it was built with. Drivers of an earlier version cannot run it.
    package let majorVersion: Int
    /// The libraries of CUDA that the system's loader must find.
    package let libraries: [String]

    /// The needs of the provider beside an ONNX Runtime, or `nil` if there is none.
    package init?(of library: ONNXRuntimeLibrary) {
        self.init(path: (library.path as NSString).resolvingSymlinksInPath)
    }

    /// - Parameter path: of ONNX Runtime.
    init?(path runtime: String) {
        let folder = URL(fileURLWithPath: runtime).deletingLastPathComponent()
        path = folder.appendingPathComponent("libonnxruntime_providers_cuda.so").path
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else { return nil }
        // The file holds the names one after another, each ended by a zero.
        let found = ["cudart", "cublasLt", "cublas", "curand"].compactMap { stem -> (name: String, version: Int)? in
            Self.version(of: "lib\(stem).so.", in: data).map { ("lib\(stem).so.\($0)", $0) }
        }
        guard let major = found.first(where: { $0.name.hasPrefix("libcudart") })?.version else { return nil }
        majorVersion = major
        // The provider opens cuDNN itself, later.
        libraries = found.map(\.name) + ["libcudnn.so.9"]
    }

    /// The number that follows `prefix`, at the first place that has one.
    static func version(of prefix: String, in data: Data) -> Int? {
        data.withUnsafeBytes { bytes in
            let wanted = Array(prefix.utf8)
            guard let base = bytes.baseAddress else { return nil }
            var start = 0
            while let place = memchr(base + start, Int32(wanted[0]), bytes.count - start) {
                start = UnsafeRawPointer(place) - base + 1
                let end = start - 1 + wanted.count
                guard end < bytes.count, memcmp(place, wanted, wanted.count) == 0 else { continue }
                let digits = bytes[end...].prefix(4).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                if let version = Int(String(decoding: digits, as: UTF8.self)),
                    bytes[end...].dropFirst(digits.count).first == 0
                {
                    return version
                }
            }
            return nil
        }
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
