import CONNXRuntime

/// The element type and the dimensions of a tensor that a model declares or of a value.
package struct TensorType: Hashable, Sendable {
    /// One dimension of a tensor.
    package enum Dimension: Hashable, Sendable {
        /// A fixed extent.
        case fixed(Int)
        /// A named extent, such as `batch`, which is the same wherever the name appears.
        case symbolic(String)
        /// An unknown extent.
        case unknown

        /// The extent, or -1 if it is not fixed.
        var extent: Int {
            if case .fixed(let extent) = self { extent } else { -1 }
        }
    }

    /// The type of the elements.
    package let elementType: ElementType
    /// The dimensions; empty for a single element.
    package let dimensions: [Dimension]

    /// The extents, or `nil` if one is not fixed.
    package var shape: [Int]? {
        let extents = dimensions.map(\.extent)
        return extents.contains(-1) ? nil : extents
    }

    /// A type with these parts.
    package init(elementType: ElementType, dimensions: [Dimension]) {
        self.elementType = elementType
        self.dimensions = dimensions
    }

    /// Reads ONNX Runtime's description of a tensor.
    init(reading info: OpaquePointer, api: API, name: String, subject: String) throws(ONNXRuntimeError) {
        var number: Int32 = 0
        try api.check(daris_ort_get_element_type(api.table, info, &number), "GetTensorElementType", subject)
        guard let elementType = ElementType(rawValue: number) else {
            throw .unsupportedValue(
                name: name, subject: subject,
                reason: "its elements are of ONNX's type \(number), which Daris does not know")
        }
        var rank = 0
        try api.check(daris_ort_get_dimension_count(api.table, info, &rank), "GetDimensionsCount", subject)
        var extents = [Int64](repeating: 0, count: rank)
        try api.check(daris_ort_get_dimensions(api.table, info, &extents, rank), "GetDimensions", subject)
        var names = [UnsafePointer<CChar>?](repeating: nil, count: rank)
        try api.check(
            daris_ort_get_symbolic_dimensions(api.table, info, &names, rank), "GetSymbolicDimensions", subject)
        self.elementType = elementType
        dimensions = zip(extents, names).map { extent, name in
            if extent >= 0 { return .fixed(Int(extent)) }
            let symbol = name.map { String(cString: $0) } ?? ""
            return symbol.isEmpty ? .unknown : .symbolic(symbol)
        }
    }
}

/// An input or output of a session.
package struct ValueInfo: Hashable, Sendable {
    /// The name that it is bound by.
    package let name: String
    /// The type of the tensor.
    package let type: TensorType

    /// A value with these parts.
    package init(name: String, type: TensorType) {
        self.name = name
        self.type = type
    }
}

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
