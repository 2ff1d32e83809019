import Foundation
import ONNXRuntime

/// The elements of a tensor as JSON has them, flat or nested, and as bytes.
struct JSONElements {
    let type: ElementType
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0

    init(type: ElementType) { self.type = type }

    /// Appends the elements of an array, and of the arrays in it.
    mutating func read(_ array: any UnkeyedDecodingContainer, depth: Int) throws {
        guard depth < 16 else { throw InferenceError(.invalid, "'data' is nested more than 16 deep") }
        var array = array
        while !array.isAtEnd {
            // Arrays of one level are alike, so the first tells.
            if let inner = try? array.nestedUnkeyedContainer() {
                try read(inner, depth: depth + 1)
            } else {
                try readLeaves(&array)
            }
        }
    }

    private mutating func readLeaves(_ array: inout any UnkeyedDecodingContainer) throws {
        while !array.isAtEnd {
            switch type {
            case .bool: append(try Self.bool(&array) ? UInt8(1) : 0)
            case .uint8: append(try array.decode(UInt8.self))
            case .uint16: append(try array.decode(UInt16.self))
            case .uint32: append(try array.decode(UInt32.self))
            case .uint64: append(try array.decode(UInt64.self))
            case .int8: append(try array.decode(Int8.self))
            case .int16: append(try array.decode(Int16.self))
            case .int32: append(try array.decode(Int32.self))
            case .int64: append(try array.decode(Int64.self))
            case .float16: append(Float16(try array.decode(Float.self)).bitPattern)
            case .bfloat16: append(BrainFloat.bits(try array.decode(Float.self)))
            case .float32: append(try array.decode(Float.self).bitPattern)
            case .float64: append(try array.decode(Double.self).bitPattern)
            case .string:
                bytes += EncodedStrings.encode(CollectionOfOne(try array.decode(String.self).utf8))
            }
            count += 1
        }
    }

    private static func bool(_ array: inout any UnkeyedDecodingContainer) throws -> Bool {
        if let value = try? array.decode(Bool.self) { return value }
        let number = try array.decode(Int.self)
        guard number == 0 || number == 1 else {
            throw InferenceError(.invalid, "\(number) is no BOOL; write true or false")
        }
        return number == 1
    }

    private mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// 16-bit floating point with the exponent of a 32-bit one.
enum BrainFloat {
    /// The nearest, to even on a tie.
    static func bits(_ value: Float) -> UInt16 {
        guard !value.isNaN else { return 0x7fc0 }
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
    }

    static func value(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
}
