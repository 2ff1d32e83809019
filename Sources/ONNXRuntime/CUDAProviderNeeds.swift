import Foundation

/// What ONNX Runtime's CUDA provider needs of a machine, read off its file.
///
/// The provider is not loaded for it: once loaded, it takes a context of a GPU for the rest of the process.
package struct CUDAProviderNeeds: Hashable, Sendable {
    /// The provider's file.
    package let path: String
    /// The CUDA that it was built with, the number before the point; a driver of an earlier one cannot run it.
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
        // The names stand in the file one behind the other, each with a zero at its end.
        let found = ["cudart", "cublasLt", "cublas", "curand"].compactMap { stem -> (name: String, version: Int)? in
            Self.version(of: "lib\(stem).so.", in: data).map { ("lib\(stem).so.\($0)", $0) }
        }
        guard let major = found.first(where: { $0.name.hasPrefix("libcudart") })?.version else { return nil }
        majorVersion = major
        // It opens this one by itself.
        libraries = found.map(\.name) + ["libcudnn.so.9"]
    }

    /// The number behind the first place of `prefix` that has one.
    private static func version(of prefix: String, in data: Data) -> Int? {
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

    /// What the loader says of the first library that it does not find, or `nil` if all are there. Those that are stay
    /// loaded.
    package func missingLibrary() -> String? {
        for name in libraries where dlopen(name, RTLD_LAZY | RTLD_LOCAL) == nil {
            return dlerror().map { String(cString: $0) } ?? "\(name) cannot be loaded"
        }
        return nil
    }
}
