/// The type of a tensor's elements. The raw values are ONNX's.
package enum ElementType: Int32, CaseIterable, Sendable, Codable {
    /// 32-bit floating point.
    case float32 = 1
    /// 8-bit unsigned integer.
    case uint8 = 2
    /// 8-bit signed integer.
    case int8 = 3
    /// 16-bit unsigned integer.
    case uint16 = 4
    /// 16-bit signed integer.
    case int16 = 5
    /// 32-bit signed integer.
    case int32 = 6
    /// 64-bit signed integer.
    case int64 = 7
    /// Text or other bytes, of any length.
    case string = 8
    /// True or false, in a byte.
    case bool = 9
    /// 16-bit floating point of IEEE 754.
    case float16 = 10
    /// 64-bit floating point.
    case float64 = 11
    /// 32-bit unsigned integer.
    case uint32 = 12
    /// 64-bit unsigned integer.
    case uint64 = 13
    /// 16-bit floating point with the exponent of a 32-bit one.
    case bfloat16 = 16

    /// The size of an element in bytes, or `nil` if it has no fixed one.
    package var byteSize: Int? {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16, .float16, .bfloat16: 2
        case .float32, .int32, .uint32: 4
        case .int64, .float64, .uint64: 8
        case .string: nil
        }
    }
}

/// A Swift type that a tensor's elements can be.
package protocol TensorElement: BitwiseCopyable, Sendable {
    /// ONNX's name of the type.
    static var elementType: ElementType { get }
}

extension Float: TensorElement {
    /// 32-bit floating point.
    package static var elementType: ElementType { .float32 }
}

extension Double: TensorElement {
    /// 64-bit floating point.
    package static var elementType: ElementType { .float64 }
}

extension Bool: TensorElement {
    /// True or false, in a byte.
    package static var elementType: ElementType { .bool }
}

extension Int8: TensorElement {
    /// 8-bit signed integer.
    package static var elementType: ElementType { .int8 }
}

extension Int16: TensorElement {
    /// 16-bit signed integer.
    package static var elementType: ElementType { .int16 }
}

extension Int32: TensorElement {
    /// 32-bit signed integer.
    package static var elementType: ElementType { .int32 }
}

extension Int64: TensorElement {
    /// 64-bit signed integer.
    package static var elementType: ElementType { .int64 }
}

extension UInt8: TensorElement {
    /// 8-bit unsigned integer.
    package static var elementType: ElementType { .uint8 }
}

extension UInt16: TensorElement {
    /// 16-bit unsigned integer.
    package static var elementType: ElementType { .uint16 }
}

extension UInt32: TensorElement {
    /// 32-bit unsigned integer.
    package static var elementType: ElementType { .uint32 }
}

extension UInt64: TensorElement {
    /// 64-bit unsigned integer.
    package static var elementType: ElementType { .uint64 }
}
