import CONNXRuntime

/// The element type and the dimensions of a tensor, as a model declares them or as a value has them.
package struct TensorType: Hashable, Sendable {
    /// One dimension of a tensor.
    package enum Dimension: Hashable, Sendable {
        /// Always of this extent.
        case fixed(Int)
        /// Of an extent that has a name, such as `batch`, and is the same wherever the name appears.
        case symbolic(String)
        /// Of any extent.
        case unknown

        /// The extent, or -1 if it is not fixed.
        var extent: Int {
            if case .fixed(let extent) = self { extent } else { -1 }
        }
    }

    /// What the elements are.
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
