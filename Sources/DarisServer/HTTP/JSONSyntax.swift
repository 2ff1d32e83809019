import Foundation
import ONNXRuntime

/// The grammar of JSON (RFC 8259), to the letter: Foundation's decoder takes more than it allows.
struct JSONSyntax {
    /// Arrays and objects inside each other.
    static let depth = 64

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// Checks that bytes are one value of JSON, and nothing behind it.
    ///
    /// - Returns: where they are not, and what should be there; `nil` if they are.
    static func problem(_ bytes: UnsafeRawBufferPointer) -> (position: Int, text: String)? {
        var syntax = JSONSyntax(bytes: bytes)
        do throws(Problem) {
            try syntax.value()
            guard syntax.position == bytes.count else { throw Problem("nothing more") }
            return nil
        } catch {
            return (syntax.position, error.expected)
        }
    }

    private struct Problem: Error {
        let expected: String
        init(_ expected: String) { self.expected = expected }
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    /// A value with the white space around it, without recursion.
    private mutating func value() throws(Problem) {
        /// The arrays and objects that are open, by the byte that ends them.
        var open: [UInt8] = []
        while true {
            skipSpace()
            // The start of a value.
            switch next {
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                guard open.count < Self.depth else { throw Problem("no more than \(Self.depth) arrays in each other") }
                let isArray = take(UInt8(ascii: "["))
                if !isArray { position += 1 }
                let end = isArray ? UInt8(ascii: "]") : UInt8(ascii: "}")
                skipSpace()
                if !take(end) {
                    open.append(end)
                    if !isArray { try name() }
                    continue
                }
            case UInt8(ascii: "\""): try string()
            case UInt8(ascii: "t"): try word("true")
            case UInt8(ascii: "f"): try word("false")
            case UInt8(ascii: "n"): try word("null")
            default: try number()
            }
            // What may follow it.
            while true {
                skipSpace()
                guard let end = open.last else { return }
                if take(UInt8(ascii: ",")) {
                    if end == UInt8(ascii: "}") { try name() }
                    break
                }
                guard take(end) else { throw Problem("',' or '\(Character(UnicodeScalar(end)))'") }
                open.removeLast()
            }
        }
    }

    /// The name of a member, and the colon behind it.
    private mutating func name() throws(Problem) {
        skipSpace()
        guard next == UInt8(ascii: "\"") else { throw Problem("a name in quotation marks") }
        try string()
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw Problem("':'") }
    }

    private mutating func word(_ text: StaticString) throws(Problem) {
        for byte in UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount) {
            guard take(byte) else { throw Problem("'\(text)'") }
        }
    }

    private mutating func string() throws(Problem) {
        position += 1
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"):
                position += 1
                guard let escape = next, "\"\\/bfnrtu".utf8.contains(escape) else { throw Problem("an escape") }
                position += 1
                guard escape == UInt8(ascii: "u") else { continue }
                for _ in 0..<4 {
                    guard let digit = next, Character(UnicodeScalar(digit)).isHexDigit, digit < 0x80 else {
                        throw Problem("four hexadecimal digits")
                    }
                    position += 1
                }
            case ..<0x20: throw Problem("no control character in a string")
            default: position += 1
            }
        }
        throw Problem("the end of a string")
    }

    private mutating func digits() throws(Problem) {
        guard let first = next, isDigit(first) else { throw Problem("a value") }
        while let byte = next, isDigit(byte) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private mutating func number() throws(Problem) {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
    }
}

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
