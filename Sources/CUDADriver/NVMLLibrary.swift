import CCUDADriver

/// NVML, NVIDIA's management library, opened while the program runs and only read.
///
/// ```swift
/// let nvml = try NVMLLibrary.open()
/// let gpu = try nvml.device(busID: context.device.busID)
/// print(gpu.readings().watts ?? 0)
/// ```
///
/// The library stays in memory until the process ends.
package final class NVMLLibrary: Sendable {
    /// The driver's version, such as `550.54.15`, or `nil` if NVML does not say.
    package let driverVersion: String?

    let functions: DarisNvml

    /// The variable that names another library than the system's.
    package static let pathVariable = "DARIS_NVML"

    /// Opens and starts NVML.
    ///
    /// - Parameter path: The library, a path or a name that the system's loader knows. If not given, what `DARIS_NVML`
    ///   names, else `libnvidia-ml.so.1`.
    package static func open(path: String? = nil) throws(NVMLError) -> NVMLLibrary {
        let named = daris_cuda_environment(pathVariable).map { String(cString: $0) }
        return try NVMLLibrary(path: path ?? named ?? "libnvidia-ml.so.1")
    }

    private init(path: String) throws(NVMLError) {
        var functions = DarisNvml()
        var message = [CChar](repeating: 0, count: 512)
        guard daris_nvml_open(path, &functions, &message, message.count) == 1 else {
            throw NVMLError(call: path, number: 0, text: String(terminated: message))
        }
        let result = functions.`init`()
        guard result == 0 else { throw Self.failure(result, "nvmlInit", functions) }
        self.functions = functions
        var version = [CChar](repeating: 0, count: 96)
        driverVersion =
            functions.driver_version?(&version, UInt32(version.count)) == 0 ? String(terminated: version) : nil
    }

    deinit { _ = functions.shutdown() }

    /// A device by its address on the PCI bus: CUDA and NVML may number devices differently.
    package func device(busID: String) throws(NVMLError) -> NVMLDevice {
        var pointer: OpaquePointer?
        let result = busID.withCString { functions.device($0, &pointer) }
        guard result == 0, let pointer else {
            throw Self.failure(result, "nvmlDeviceGetHandleByPciBusId", functions)
        }
        return NVMLDevice(pointer, library: self)
    }

    private static func failure(_ result: DarisNvmlResult, _ call: String, _ functions: DarisNvml) -> NVMLError {
        NVMLError(
            call: call, number: Int(result), text: functions.error_text(result).map { String(cString: $0) } ?? "")
    }
}

/// Why NVML could not be opened or a call of it failed.
package struct NVMLError: Error, Hashable, CustomStringConvertible, Sendable {
    /// The call that failed, by NVML's name for it; the library's path if it could not be opened.
    package var call: String
    /// NVML's number for the failure; 0 if the library could not be opened.
    package var number: Int
    /// The text of NVML, or of the system, for it.
    package var text: String

    /// A sentence that says what went wrong.
    package var description: String {
        number == 0
            ? "NVML's library cannot be used: \(text)"
            : "NVML's \(call) gave error \(number)\(text.isEmpty ? "" : " (\(text))")"
    }
}
