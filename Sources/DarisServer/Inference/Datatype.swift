import ONNXRuntime

/// The names that the Open Inference Protocol gives to element types.
extension ElementType {
    /// The name, such as `FP32`.
    var protocolName: String {
        switch self {
        case .bool: "BOOL"
        case .uint8: "UINT8"
        case .uint16: "UINT16"
        case .uint32: "UINT32"
        case .uint64: "UINT64"
        case .int8: "INT8"
        case .int16: "INT16"
        case .int32: "INT32"
        case .int64: "INT64"
        case .float16: "FP16"
        case .float32: "FP32"
        case .float64: "FP64"
        case .bfloat16: "BF16"
        case .string: "BYTES"
        }
    }

    /// The type with a name, if there is one.
    init?(protocolName name: String) {
        guard let type = Self.allCases.first(where: { $0.protocolName == name }) else { return nil }
        self = type
    }
}
