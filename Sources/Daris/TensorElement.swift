import ONNXRuntime

/// A Swift type that a tensor's elements can have.
public protocol TensorElement: Sendable {
    /// The same type in ONNX's terms.
    static var elementType: ElementType { get }

    /// The bytes of elements, little-endian, one after the other.
    static func bytes(of values: [Self]) -> [UInt8]

    /// The elements that bytes are, or `nil` if these break off within one.
    static func values(in bytes: [UInt8]) -> [Self]?
}

extension TensorElement where Self: BitwiseCopyable {
    /// The elements as they lie in memory.
    public static func bytes(of values: [Self]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

    /// The elements, from where they lie in memory.
    public static func values(in bytes: [UInt8]) -> [Self]? {
        let (count, rest) = bytes.count.quotientAndRemainder(dividingBy: MemoryLayout<Self>.stride)
        guard rest == 0 else { return nil }
        return [Self](unsafeUninitializedCapacity: count) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
            initialized = count
        }
    }
}

extension Float: TensorElement {
    /// 32-bit floating point.
    public static var elementType: ElementType { .float32 }
}

extension Double: TensorElement {
    /// 64-bit floating point.
    public static var elementType: ElementType { .float64 }
}

extension Float16: TensorElement {
    /// 16-bit floating point.
    public static var elementType: ElementType { .float16 }
}

extension Int: TensorElement {
    /// 64-bit signed integer.
    public static var elementType: ElementType { .int64 }
}

extension Int8: TensorElement {
    /// 8-bit signed integer.
    public static var elementType: ElementType { .int8 }
}

extension Int16: TensorElement {
    /// 16-bit signed integer.
    public static var elementType: ElementType { .int16 }
}

extension Int32: TensorElement {
    /// 32-bit signed integer.
    public static var elementType: ElementType { .int32 }
}

extension Int64: TensorElement {
    /// 64-bit signed integer.
    public static var elementType: ElementType { .int64 }
}

extension UInt8: TensorElement {
    /// 8-bit unsigned integer.
    public static var elementType: ElementType { .uint8 }
}

extension UInt16: TensorElement {
    /// 16-bit unsigned integer.
    public static var elementType: ElementType { .uint16 }
}

extension UInt32: TensorElement {
    /// 32-bit unsigned integer.
    public static var elementType: ElementType { .uint32 }
}

extension UInt64: TensorElement {
    /// 64-bit unsigned integer.
    public static var elementType: ElementType { .uint64 }
}

extension Bool: TensorElement {
    /// True or false, in a byte.
    public static var elementType: ElementType { .bool }

    /// The truth values of bytes: true for all but 0.
    public static func values(in bytes: [UInt8]) -> [Bool]? { bytes.map { $0 != 0 } }
}

extension String: TensorElement {
    /// Text.
    public static var elementType: ElementType { .string }

    /// Each string in UTF-8, with its length before it in 4 bytes.
    public static func bytes(of values: [String]) -> [UInt8] { EncodedStrings.encode(values.map(\.utf8)) }

    /// The strings; what is not UTF-8 is repaired.
    public static func values(in bytes: [UInt8]) -> [String]? {
        EncodedStrings.decode(bytes)?.map { String(decoding: $0, as: UTF8.self) }
    }
}
