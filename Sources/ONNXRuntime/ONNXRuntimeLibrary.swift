import CONNXRuntime

/// The ONNX Runtime library, opened while the program runs.
///
/// ```swift
/// let library = try ONNXRuntimeLibrary.open()
/// let environment = try Environment(library: library)
/// let session = try Session(environment: environment, model: .file("resnet18.onnx"))
/// let outputs = try session.run(inputs: ["image": image])
/// ```
///
/// Official builds of ONNX Runtime send telemetry to Microsoft, from threads of their own. Opening the library turns
/// that off: it sets `ORT_DISABLE_TELEMETRY` to 1 in the process's environment unless the variable is set already. So
/// open it early: no other thread may read or change the environment meanwhile.
///
/// The library stays in memory until the process ends, since its threads may still run its code.
package final class ONNXRuntimeLibrary: Sendable {
    /// The version that Daris is tested with, and that `Scripts/fetch-onnxruntime` fetches.
    package static let testedVersion = "1.31.1"

    /// The file the library was loaded from.
    package let path: String
    /// The place where it was found.
    package let origin: LibrarySearch.Origin
    /// Libraries found before it that must not be used, each with the reason.
    package let passedOver: [String]
    /// The library's version, such as `1.31.1`.
    package let version: String

    /// The execution providers in this build, such as `CPUExecutionProvider`, most preferred first.
    package let providers: [String]
    /// The memory of the host.
    package let hostMemory: MemoryInfo

    let api: API
    /// The library's default allocator for the host. It belongs to the library and may be used from any thread.
    nonisolated(unsafe) let allocator: OpaquePointer

    /// Opens the library.
    ///
    /// - Parameter search: The places to look for it.
    /// - Throws: ``ONNXRuntimeError``, whose description says what to do.
    package static func open(
        searching search: LibrarySearch = .process
    ) throws(ONNXRuntimeError) -> ONNXRuntimeLibrary {
        let found = try search.find()
        if let path = found.path {
            return try ONNXRuntimeLibrary(path: path, origin: found.origin, passedOver: found.passedOver)
        }
        // The system's loader may look beside the program, too.
        if search.usesSystemLoader, found.passedOver.isEmpty {
            for name in LibrarySearch.systemNames {
                do {
                    return try ONNXRuntimeLibrary(path: name, origin: .system, passedOver: found.passedOver)
                } catch {
                    if case .libraryUnusable = error { continue }
                    throw error
                }
            }
        }
        throw .libraryNotFound(searched: search.places, passedOver: found.passedOver)
    }

    private init(
        path requested: String, origin: LibrarySearch.Origin, passedOver: [String]
    ) throws(ONNXRuntimeError) {
        var found = DarisOrtLibrary()
        var message = [CChar](repeating: 0, count: 1024)
        let result = daris_ort_open(requested, &found, &message, message.count)
        let reason = message.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { String(cString: $0) } ?? ""
        }
        let path = found.path.map { String(cString: $0) } ?? requested
        let version = found.version.map { String(cString: $0) } ?? "of an unknown version"
        guard result != DARIS_ORT_TOO_OLD else {
            throw .unsupportedVersion(path: path, found: version, oldest: "1.\(DARIS_ORT_TABLE_VERSION)")
        }
        guard result == DARIS_ORT_OPENED, let table = found.table else {
            throw .libraryUnusable(path: path, reason: reason)
        }
        let api = API(table: table)
        self.path = path
        self.origin = origin
        self.passedOver = passedOver
        self.version = version
        self.api = api

        providers = try Self.readProviders(api)
        hostMemory = try MemoryInfo(api: api, place: .host)
        var allocator: OpaquePointer?
        try api.check(daris_ort_get_default_allocator(table, &allocator), "GetAllocatorWithDefaultOptions", path)
        guard let allocator else { throw .libraryUnusable(path: path, reason: "it has no default allocator") }
        self.allocator = allocator
    }

    /// The number of live ONNX Runtime objects made through this value; for tests of their release.
    var liveHandleCount: Int { api.liveHandles.load(ordering: .relaxed) }

    private static func readProviders(_ api: API) throws(ONNXRuntimeError) -> [String] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        var count: Int32 = 0
        try api.check(
            daris_ort_get_available_providers(api.table, &names, &count), "GetAvailableProviders", "the library")
        let providers = (0..<Int(count)).compactMap { index in names?[index].map { String(cString: $0) } }
        try api.check(
            daris_ort_release_available_providers(api.table, names, count), "ReleaseAvailableProviders", "the library")
        return providers
    }
}

extension ONNXRuntimeLibrary {
    /// Takes over a string that the library allocated.
    func take(_ string: UnsafeMutablePointer<CChar>?) -> String {
        guard let string else { return "" }
        let copy = String(cString: string)
        // This cannot fail for memory of the same allocator.
        if let status = daris_ort_allocator_free(api.table, allocator, string) {
            daris_ort_release_status(api.table, status)
        }
        return copy
    }
}
