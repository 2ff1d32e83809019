import ONNXRuntime

/// What a tensor's elements are. The numbers are ONNX's.
public enum ElementType: Int32, Hashable, Sendable, CaseIterable {
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
    /// 16-bit floating point with the exponent of a 32-bit one. Swift has no such type; such tensors have `bytes` alone.
    case bfloat16 = 16

    init(_ type: ONNXRuntime.ElementType) { self = Self(rawValue: type.rawValue)! }
}
