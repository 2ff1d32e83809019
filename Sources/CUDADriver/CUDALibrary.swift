import CCUDADriver

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
/// Calls that create or measure make their context current on the calling thread by themselves. Those of the hot path
/// (copies, event records and queries, launches) do not, and allocate nothing unless they fail: a thread makes the
/// context current once, with ``CUDAContext/makeCurrent()``, before its first.
package final class CUDALibrary: Sendable {
    /// The path or name that the library was opened by.
    package let path: String
    /// The version of CUDA that the driver knows.
    package let version: CUDAVersion
    /// The number of devices that the process may see; may be 0.
    package let deviceCount: Int

    /// How long to ask again where an MPS server is not ready to take this process.
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
    ///   - maxConnections: How many hardware work queues the process may use: 1 to 32; CUDA's default is 8. Set as
    ///     `CUDA_DEVICE_MAX_CONNECTIONS` before the driver starts, so it has an effect only if nothing in the process
    ///     has used CUDA before, and no other thread may use the environment meanwhile.
    ///   - patience: How long to ask again, here and where a context is opened, while an MPS server is not ready to take
    ///     this process: it takes none while it starts, nor after a fault until all its clients have ended.
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
        let started = ask(patience) { functions.`init`(0) }
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

    /// Whether the driver can do something.
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

    /// Throws, with the version needed and the one there, if the driver cannot do something.
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
