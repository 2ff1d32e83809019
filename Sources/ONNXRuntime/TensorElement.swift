/// A Swift type that a tensor's elements can be.
package protocol TensorElement: BitwiseCopyable, Sendable {
    /// The same type in ONNX's terms.
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
