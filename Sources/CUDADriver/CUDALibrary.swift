import CCUDADriver
import Glibc

/// The CUDA driver, opened while the program runs.
///
/// ```swift
/// let library = try CUDALibrary.open()
/// let context = try CUDAContext(library: library, device: 0)
/// let stream = try CUDAStream(context: context)
/// ```
///
/// The library stays in memory until the process ends, even if every reference to it is dropped.
///
/// Calls that create or measure make their context current on the calling thread. Calls of the hot path (copies, event
/// records and queries, launches) do not: a thread must call ``CUDAContext/makeCurrent()`` once before them. They
/// allocate nothing unless they fail.
package final class CUDALibrary: Sendable {
    /// The path or name that the library was opened by.
    package let path: String
    /// The version of CUDA that the driver supports.
    package let version: CUDAVersion
    /// The number of devices visible to the process; may be 0.
    package let deviceCount: Int

    /// How long to retry while an MPS server is not ready.
    let patience: Duration

    /// The driver's functions, which any thread may call.
    let functions: DarisCuda

    /// The variable that names another driver than the system's.
    package static let pathVariable = "DARIS_CUDA_DRIVER"

    /// Opens and starts the driver.
    ///
    /// - Parameters:
    ///   - path: The driver's library, a path or a name that the system's loader knows. If not given, what
    ///     `DARIS_CUDA_DRIVER` names, else `libcuda.so.1`.
    ///   - maxConnections: The number of hardware work queues for the process: 1 to 32; CUDA's default is 8. It is set
    ///     as `CUDA_DEVICE_MAX_CONNECTIONS` before the driver starts. So it has no effect if the process has used CUDA
    ///     before, and no other thread may use the environment meanwhile.
    ///   - patience: How long to retry, here and when a context is opened, while an MPS server is not ready: it accepts
    ///     no process while it starts, nor after a fault until all its clients have ended.
    /// - Throws: ``CUDAError`` of kind ``CUDAError/Kind/driverUnusable`` if there is no driver or it is too old, and of
    ///   kind ``CUDAError/Kind/callFailed`` if it does not start. A driver without a device is no error.
    package static func open(
        path: String? = nil, maxConnections: Int? = nil, patience: Duration = .zero
    ) throws(CUDAError) -> CUDALibrary {
        if let maxConnections {
            precondition((1...32).contains(maxConnections), "a GPU has 1 to 32 work queues")
            daris_cuda_set_max_connections(Int32(maxConnections))
        }
        let named = daris_cuda_environment(pathVariable).map { String(cString: $0) }
        return try CUDALibrary(path: path ?? named ?? "libcuda.so.1", patience: patience)
    }

    private init(path: String, patience: Duration) throws(CUDAError) {
        var functions = DarisCuda()
        var number: Int32 = 0
        var message = [CChar](repeating: 0, count: 512)
        let opening = daris_cuda_open(path, &functions, &number, &message, message.count)
        let version = CUDAVersion(driverNumber: max(0, Int(number)))
        guard opening == DARIS_CUDA_OPENED else {
            throw Self.unusable(path: path, opening: opening, version: version, reason: String(terminated: message))
        }
        self.path = path
        self.patience = patience
        self.version = version
        self.functions = functions
        deviceCount = try Self.start(functions, patience)
        if number < 0 {
            throw Self.failure(-number, "cuDriverGetVersion", "reading the CUDA driver's version", functions)
        }
    }

    /// Starts the driver and counts its devices.
    private static func start(_ functions: DarisCuda, _ patience: Duration) throws(CUDAError) -> Int {
        let started = retry(patience) { functions.`init`(0) }
        if started == DARIS_CUDA_NO_DEVICE { return 0 }
        guard started == DARIS_CUDA_SUCCESS else {
            throw failure(started, "cuInit", "starting the CUDA driver", functions)
        }
        var count: Int32 = 0
        let counted = functions.device_count(&count)
        guard counted == DARIS_CUDA_SUCCESS else {
            throw failure(counted, "cuDeviceGetCount", "counting the GPUs", functions)
        }
        return Int(count)
    }

    private static func unusable(
        path: String, opening: DarisCudaOpening, version: CUDAVersion, reason: String
    ) -> CUDAError {
        let oldest = CUDAVersion(driverNumber: Int(DARIS_CUDA_OLDEST_VERSION))
        let (text, advice): (String, String) =
            switch opening {
            case DARIS_CUDA_TOO_OLD:
                (
                    "\(path) is too old: it knows CUDA \(version), but \(oldest) or later (driver 450) is needed",
                    "update the NVIDIA driver"
                )
            case DARIS_CUDA_NOT_LOADABLE:
                (reason, "install the NVIDIA driver, or set \(pathVariable) to its libcuda.so.1")
            default:
                (reason, "set \(pathVariable) to the driver's libcuda.so.1, or unset it")
            }
        return CUDAError(
            kind: .driverUnusable, call: path, number: 0, name: "", text: text, purpose: "opening the CUDA driver",
            advice: advice)
    }

    /// Whether the driver supports a feature.
    package func supports(_ feature: CUDAFeature) -> Bool {
        switch feature {
        case .graphs:
            functions.begin_capture != nil && functions.end_capture != nil && functions.graph_nodes != nil
                && functions.graph_node_type != nil && functions.graph_node_dependents != nil
                && functions.destroy_graph_node != nil && functions.destroy_graph != nil
                && functions.instantiate_graph != nil
                && functions.launch_graph != nil && functions.destroy_executable_graph != nil
        case .greenContexts:
            functions.device_resource != nil && functions.split_resource != nil
                && functions.describe_resources != nil && functions.create_green_context != nil
                && functions.destroy_green_context != nil && functions.green_context_resource != nil
                && (functions.create_green_stream != nil || functions.context_from_green != nil)
        }
    }

    /// Throws, with the needed and the present version, if the driver does not support a feature.
    package func require(_ feature: CUDAFeature) throws(CUDAError) {
        guard !supports(feature) else { return }
        throw CUDAError(
            kind: .featureMissing, call: "", number: 0, name: "",
            text: "it needs CUDA \(feature.neededVersion) (driver \(feature.neededDriver)) or later, and this driver"
                + (version < feature.neededVersion
                    ? " knows CUDA \(version)" : ", of CUDA \(version), lacks a function of it"),
            purpose: "using \(feature.phrase)", advice: "update the NVIDIA driver")
    }
}

extension CUDALibrary {
    /// The properties of a device.
    ///
    /// - Parameter index: The device's number, as the driver counts.
    package func facts(ofDevice index: Int) throws(CUDAError) -> CUDADeviceFacts {
        let purpose: StaticString = "reading what a GPU is"
        let device = try handle(ofDevice: index)
        var name = [CChar](repeating: 0, count: 256)
        try check(functions.device_name(&name, Int32(name.count), device), "cuDeviceGetName", purpose)
        var bytes = 0
        try check(functions.device_memory(&bytes, device), "cuDeviceTotalMem", purpose)
        var busID = [CChar](repeating: 0, count: 32)
        try check(functions.device_bus_id(&busID, Int32(busID.count), device), "cuDeviceGetPCIBusId", purpose)
        let mode = try attribute(DARIS_CUDA_COMPUTE_MODE, of: device)
        return CUDADeviceFacts(
            index: index, name: String(terminated: name),
            computeCapability: CUDAVersion(
                major: try attribute(DARIS_CUDA_COMPUTE_CAPABILITY_MAJOR, of: device),
                minor: try attribute(DARIS_CUDA_COMPUTE_CAPABILITY_MINOR, of: device)),
            multiprocessorCount: try attribute(DARIS_CUDA_MULTIPROCESSOR_COUNT, of: device), totalMemoryBytes: bytes,
            l2CacheBytes: try attribute(DARIS_CUDA_L2_CACHE_BYTES, of: device), busID: String(terminated: busID),
            uuid: try uuid(of: device),
            isExclusive: [DARIS_CUDA_MODE_EXCLUSIVE, DARIS_CUDA_MODE_EXCLUSIVE_PROCESS].contains(mode))
    }

    /// The UUID in the form of `nvidia-smi -L`.
    private func uuid(of device: DarisCudaDevice) throws(CUDAError) -> String? {
        guard let read = functions.device_uuid else { return nil }
        var uuid = DarisCudaUUID()
        try check(read(&uuid, device), "cuDeviceGetUuid", "reading what a GPU is")
        let digits = withUnsafeBytes(of: uuid) { bytes in
            bytes.enumerated().map { index, byte in
                ([4, 6, 8, 10].contains(index) ? "-" : "") + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return "GPU-" + digits.joined()
    }

    /// The driver's handle of a device.
    func handle(ofDevice index: Int) throws(CUDAError) -> DarisCudaDevice {
        // Without a device the driver has not started; its own error would only say so.
        guard deviceCount > 0 else {
            throw failure(DarisCudaResult(DARIS_CUDA_NO_DEVICE), "cuInit", "finding GPU \(index)")
        }
        var device: DarisCudaDevice = 0
        let result = functions.device(&device, Int32(clamping: index))
        guard result == DARIS_CUDA_SUCCESS else { throw failure(result, "cuDeviceGet", "finding GPU \(index)") }
        return device
    }

    private func attribute(_ attribute: Int, of device: DarisCudaDevice) throws(CUDAError) -> Int {
        var value: Int32 = 0
        try check(
            functions.device_attribute(&value, Int32(attribute), device), "cuDeviceGetAttribute",
            "reading what a GPU is")
        return Int(value)
    }
}

extension CUDALibrary {
    /// Throws if `result` is not success. Nothing is allocated on success.
    ///
    /// - Parameters:
    ///   - call: The driver's name of the call.
    ///   - purpose: The action, for the message.
    @inline(__always)
    func check(_ result: DarisCudaResult, _ call: StaticString, _ purpose: StaticString) throws(CUDAError) {
        if result != 0 { throw failure(result, call, purpose.description) }
    }

    /// The result of a call that is repeated ten times a second, up to `patience`, while an MPS server is not ready.
    static func retry(_ patience: Duration, _ call: () -> DarisCudaResult) -> DarisCudaResult {
        let end = ContinuousClock.now + patience
        while true {
            let result = call()
            guard result == DARIS_CUDA_MPS_SERVER_NOT_READY, ContinuousClock.now < end else { return result }
            usleep(100_000)
        }
    }

    /// The error for a result of the driver.
    @inline(never)
    func failure(_ result: DarisCudaResult, _ call: StaticString, _ purpose: String) -> CUDAError {
        Self.failure(result, call, purpose, functions)
    }

    /// The error for a result, with CUDA's own name and text for it.
    static func failure(
        _ result: DarisCudaResult, _ call: StaticString, _ purpose: String, _ functions: DarisCuda
    ) -> CUDAError {
        var name: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        // Left nil for a number that the driver does not know.
        _ = functions.error_name(result, &name)
        _ = functions.error_text(result, &text)
        return CUDAError(
            kind: .callFailed, call: call.description, number: Int(result),
            name: name.map { String(cString: $0) } ?? "", text: text.map { String(cString: $0) } ?? "",
            purpose: purpose, advice: CUDAError.advice(for: Int(result)))
    }
}

extension String {
    /// The text of a C buffer, up to its terminating zero.
    init(terminated characters: [CChar]) {
        self.init(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
