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
/// that off, by setting `ORT_DISABLE_TELEMETRY` to 1 in the process's environment unless it is set already. So open it
/// early: no other thread may read or change the environment meanwhile.
///
/// The library stays in memory until the process ends, even if every reference to it is dropped, since threads that it
/// started may still run its code.
package final class ONNXRuntimeLibrary: Sendable {
    /// The version that Daris is tested with, and that `Scripts/fetch-onnxruntime` fetches.
    package static let testedVersion = "1.31.1"

    /// The file the library was loaded from.
    package let path: String
    /// Where it was found.
    package let origin: LibrarySearch.Origin
    /// Libraries that were found before it and passed over, each with the reason.
    package let passedOver: [String]
    /// The library's version, such as `1.31.1`.
    package let version: String
    /// How the library was built, in its own words.
    package let buildInfo: String
    /// The execution providers in this build, such as `CPUExecutionProvider`, most preferred first.
    package let providers: [String]
    /// The memory of the host.
    package let hostMemory: MemoryInfo

    let api: API
    /// The library's default allocator for the host. It belongs to the library and may be used from any thread.
    nonisolated(unsafe) let allocator: OpaquePointer

    /// Opens the library.
    ///
    /// - Parameter search: Where to look for it.
    /// - Throws: ``ONNXRuntimeError/libraryNotFound(searched:passedOver:)`` and the cases beside it, each of which says
    ///   what to do.
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
        buildInfo = daris_ort_get_build_info(table).map { String(cString: $0) } ?? ""
        providers = try Self.readProviders(api)
        hostMemory = try MemoryInfo(api: api, place: .host)
        var allocator: OpaquePointer?
        try api.check(daris_ort_get_default_allocator(table, &allocator), "GetAllocatorWithDefaultOptions", path)
        guard let allocator else { throw .libraryUnusable(path: path, reason: "it has no default allocator") }
        self.allocator = allocator
    }

    /// How many objects of ONNX Runtime made through this value are still alive; for tests of what is released.
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
        // It cannot fail for memory that the same allocator gave out.
        if let status = daris_ort_allocator_free(api.table, allocator, string) {
            daris_ort_release_status(api.table, status)
        }
        return copy
    }
}
