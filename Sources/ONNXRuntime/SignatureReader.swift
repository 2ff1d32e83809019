import CONNXRuntime

/// Reads the inputs and outputs of a session.
struct SignatureReader {
    private typealias GetType = (OpaquePointer?, OpaquePointer?, Int, UnsafeMutablePointer<OpaquePointer?>?) ->
        OpaquePointer?
    private typealias GetName = (
        OpaquePointer?, OpaquePointer?, Int, OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    ) -> OpaquePointer?

    private let library: ONNXRuntimeLibrary
    private let session: OpaquePointer
    private let subject: String

    init(library: ONNXRuntimeLibrary, session: OpaquePointer, subject: String) {
        self.library = library
        self.session = session
        self.subject = subject
    }

    func inputs() throws(ONNXRuntimeError) -> [ValueInfo] {
        var count = 0
        try library.api.check(
            daris_ort_get_input_count(library.api.table, session, &count), "SessionGetInputCount", subject)
        return try read(count, daris_ort_get_input_name, daris_ort_get_input_type)
    }

    func outputs() throws(ONNXRuntimeError) -> [ValueInfo] {
        var count = 0
        try library.api.check(
            daris_ort_get_output_count(library.api.table, session, &count), "SessionGetOutputCount", subject)
        return try read(count, daris_ort_get_output_name, daris_ort_get_output_type)
    }

    private func read(_ count: Int, _ getName: GetName, _ getType: GetType) throws(ONNXRuntimeError) -> [ValueInfo] {
        let api = library.api
        var values: [ValueInfo] = []
        for index in 0..<count {
            var rawName: UnsafeMutablePointer<CChar>?
            try api.check(getName(api.table, session, index, library.allocator, &rawName), "SessionGetName", subject)
            let name = library.take(rawName)
            let type = try api.make("SessionGetTypeInfo", for: subject, release: daris_ort_release_type_info) {
                getType(api.table, session, index, &$0)
            }
            // Borrowed from the type; nothing to release.
            var info: OpaquePointer?
            try api.check(
                daris_ort_get_tensor_info(api.table, type.pointer, &info), "CastTypeInfoToTensorInfo", subject)
            guard let info else {
                throw .unsupportedValue(name: name, subject: subject, reason: "it is not a tensor")
            }
            values.append(
                ValueInfo(name: name, type: try TensorType(reading: info, api: api, name: name, subject: subject)))
        }
        return values
    }
}
