import CONNXRuntime
import Synchronization

/// The library's table of functions, and a count of the handles made through it that are still to be released.
///
/// Every handle holds its `API`, so the order in which a caller drops libraries, environments and sessions is free.
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

    /// Reads a status that is not success, frees it, and says what it means.
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
