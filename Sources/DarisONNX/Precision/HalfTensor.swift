internal import Foundation

/// A tensor of float32 numbers and what of it float16 can hold.
///
/// float16 has a sign, 5 bits of exponent and 10 of mantissa (IEEE 754-2019): normal numbers from 6.1e-5 to 65504, smaller ones
/// with fewer digits down to 6.0e-8.
struct HalfTensor {
    private let tensor: ONNXTensorProto

    /// The tensor, or `nil` if it is not one of float32 with its numbers in the file.
    init?(_ tensor: ONNXTensorProto) {
        guard tensor.dataType == ElementTypes.float, tensor.externalData.isEmpty else { return nil }
        self.tensor = tensor
    }

    private var values: [Float] {
        guard tensor.hasRawData else { return tensor.floatData }
        return tensor.rawData.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { index in
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
            }
        }
    }

    /// The largest finite number of float16.
    static let largest: Float = 65504
    /// The smallest number with all digits.
    static let smallestNormal: Float = 0x1p-14

    /// How the numbers lie in float16's range. Infinities and zeros are in it.
    var fit: Fit {
        var largest: Float = 0
        let values = values
        for value in values where value.isFinite { largest = max(largest, abs(value)) }
        if largest > Self.largest { return .tooLarge }
        return largest > 0 && largest < Self.smallestNormal ? .tooSmall(count: values.count) : .good
    }

    /// How a tensor lies in float16's range.
    enum Fit: Equatable {
        case good
        /// A number is beyond it.
        case tooLarge
        /// The tensor, of so many numbers, has none with all digits.
        case tooSmall(count: Int)
    }

    /// The tensor under another name, in float16 or rounded to it. Finite numbers beyond its range become its ends.
    func converted(name: String, form: HalfPrecision.Form) -> ONNXTensorProto {
        var result = tensor
        result.name = name
        result.floatData = []
        let halves = values.map { value in
            HalfBits(value.isFinite ? min(max(value, -Self.largest), Self.largest) : value)
        }
        switch form {
        case .stored:
            result.dataType = ElementTypes.half
            result.rawData = Self.bytes(halves.map(\.bits.littleEndian))
        case .rounded:
            result.rawData = Self.bytes(halves.map { $0.value.bitPattern.littleEndian })
        }
        return result
    }

    private static func bytes<Element: BitwiseCopyable>(_ elements: [Element]) -> Data {
        elements.withUnsafeBytes { Data($0) }
    }
}

/// A float16 number as its bits. Swift's own conversions call a function whose calling convention differs between the libraries of a
/// program, and then give other numbers.
struct HalfBits {
    let bits: UInt16

    /// The nearest float16 number, ties to even.
    init(_ value: Float) {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let magnitude = value.bitPattern & 0x7fff_ffff
        if magnitude >= 0x7f80_0000 {
            bits = sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00)
        } else if magnitude >= 0x477f_f000 {
            bits = sign | 0x7c00
        } else if magnitude >= 0x3880_0000 {
            // Normal: the exponent's bias is 15 instead of 127, and 13 bits of the mantissa are rounded off.
            let rounded = magnitude + 0xfff + (magnitude >> 13 & 1)
            bits = sign | UInt16((rounded - 0x3800_0000) >> 13)
        } else {
            bits = sign | UInt16((Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven))
        }
    }

    /// The number, exactly.
    var value: Float {
        let (sign, exponent, mantissa) = (UInt32(bits & 0x8000) << 16, UInt32(bits >> 10 & 0x1f), UInt32(bits & 0x3ff))
        switch exponent {
        case 0: return (sign == 0 ? 1 : -1) * Float(mantissa) * 0x1p-24
        case 31: return Float(bitPattern: sign | 0x7f80_0000 | mantissa << 13)
        default: return Float(bitPattern: sign | (exponent + 112) << 23 | mantissa << 13)
        }
    }
}
