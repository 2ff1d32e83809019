import CONNXRuntime
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The library's table of functions, with a count of the handles that are not yet released.
///
/// Every handle keeps its `API` alive, so a caller may drop libraries, environments and sessions in any order.
final class API: Sendable {
    /// The table belongs to the loaded library, which is never unloaded, and never changes: any thread may read it.
    nonisolated(unsafe) let table: OpaquePointer

    /// Handles made and not yet released.
    let liveHandles = Atomic<Int>(0)

    init(table: OpaquePointer) {
        self.table = table
    }

    /// Throws if `status` is not success. Costs a comparison if it is.
    ///
    /// - Parameters:
    ///   - status: What the call returned; freed here.
    ///   - call: The function's name in ONNX Runtime's documentation.
    ///   - subject: What the call was about, for the message.
    func check(
        _ status: OpaquePointer?, _ call: StaticString, _ subject: @autoclosure () -> String
    ) throws(ONNXRuntimeError) {
        if let status { throw failure(status, call, subject()) }
    }

    /// Returns the error for a failed status, and frees the status.
    func failure(_ status: OpaquePointer, _ call: StaticString, _ subject: String) -> ONNXRuntimeError {
        defer { daris_ort_release_status(table, status) }
        let code = daris_ort_get_error_code(table, status)
        let text = daris_ort_get_error_message(table, status).map { String(cString: $0) } ?? ""
        // Some messages span lines or end with empty ones.
        let message = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return .callFailed(
            call: "\(call)", code: ONNXRuntimeError.Code(rawValue: code) ?? .fail, message: message, subject: subject)
    }

    /// Calls a function that makes a handle.
    ///
    /// - Parameters:
    ///   - call: The function's name in ONNX Runtime's documentation.
    ///   - subject: What the handle is for, for the message of a failure.
    ///   - release: The function that releases the handle.
    ///   - owners: What must live until the handle has been released.
    ///   - body: The call; it gets the out-parameter and returns the status.
    func make(
        _ call: StaticString, for subject: @autoclosure () -> String, release: @escaping Handle.Release,
        keeping owners: [any AnyObject & Sendable] = [], _ body: (inout OpaquePointer?) -> OpaquePointer?
    ) throws(ONNXRuntimeError) -> Handle {
        var pointer: OpaquePointer?
        try check(body(&pointer), call, subject())
        guard let pointer else {
            throw .callFailed(call: "\(call)", code: .fail, message: "it gave no result", subject: subject())
        }
        return Handle(pointer, api: self, release: release, keeping: owners)
    }
}

/// An object of ONNX Runtime, released once, when this value ends.
///
/// What the object depends on (its session, its memory) is kept alive until after the release.
///
/// Any thread may use a handle: it is only a pointer. The type that holds it decides which calls may overlap.
struct Handle: ~Copyable, @unchecked Sendable {
    /// A function of the table that releases an object; its first argument is the table.
    typealias Release = @convention(c) (OpaquePointer?, OpaquePointer?) -> Void

    /// The object.
    let pointer: OpaquePointer
    let api: API
    private let release: Release
    private let owners: [any AnyObject & Sendable]

    /// Takes over `pointer`.
    init(_ pointer: OpaquePointer, api: API, release: @escaping Release, keeping owners: [any AnyObject & Sendable]) {
        self.pointer = pointer
        self.api = api
        self.release = release
        self.owners = owners
        api.liveHandles.add(1, ordering: .relaxed)
    }

    deinit {
        release(api.table, pointer)
        api.liveHandles.subtract(1, ordering: .relaxed)
    }
}

/// Strings as an array of C pointers, valid as long as this value.
struct CStringArray: ~Copyable {
    /// The first of the pointers.
    let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: max(count, 1))
        for (index, string) in strings.enumerated() {
            pointers.advanced(by: index).initialize(to: strdup(string).map { UnsafePointer($0) })
        }
    }

    deinit {
        for index in 0..<count { free(UnsafeMutablePointer(mutating: pointers[index])) }
        pointers.deallocate()
    }
}
