import ONNXRuntime

/// JSON as it is written, piece by piece.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []

    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// A string in quotation marks.
    mutating func string(_ text: some StringProtocol) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case ..<0x20:
                raw("\\u00")
                for digit in [byte >> 4, byte & 15] {
                    bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                }
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func shape(_ shape: [Int]) {
        raw("[" + shape.map(String.init).joined(separator: ",") + "]")
    }

    /// The elements of a tensor as a flat array.
    ///
    /// - Throws: if one has no form in JSON: NaN and the infinities, text that is not UTF-8.
    mutating func elements(_ data: [UInt8], type: ElementType, name: String) throws(InferenceError) {
        raw("[")
        var isFirst = true
        var problem: String?
        data.withUnsafeBytes { source in
            func each<Element: FixedWidthInteger>(_ element: Element.Type, _ write: (inout Self, Element) -> Void) {
                for index in 0..<source.count / MemoryLayout<Element>.size {
                    if !isFirst { bytes.append(UInt8(ascii: ",")) }
                    isFirst = false
                    let value = source.loadUnaligned(
                        fromByteOffset: index * MemoryLayout<Element>.size, as: Element.self)
                    write(&self, Element(littleEndian: value))
                }
            }
            func float<Value: BinaryFloatingPoint & CustomStringConvertible>(_ writer: inout Self, _ value: Value) {
                if value.isFinite {
                    writer.raw(value.description)
                } else {
                    problem = "holds \(value)"
                    writer.raw("null")
                }
            }
            switch type {
            case .bool: each(UInt8.self) { $0.raw($1 == 0 ? "false" : "true") }
            case .uint8: each(UInt8.self) { $0.raw(String($1)) }
            case .uint16: each(UInt16.self) { $0.raw(String($1)) }
            case .uint32: each(UInt32.self) { $0.raw(String($1)) }
            case .uint64: each(UInt64.self) { $0.raw(String($1)) }
            case .int8: each(Int8.self) { $0.raw(String($1)) }
            case .int16: each(Int16.self) { $0.raw(String($1)) }
            case .int32: each(Int32.self) { $0.raw(String($1)) }
            case .int64: each(Int64.self) { $0.raw(String($1)) }
            case .float16: each(UInt16.self) { float(&$0, Float(Float16(bitPattern: $1))) }
            case .bfloat16: each(UInt16.self) { float(&$0, BrainFloat.value($1)) }
            case .float32: each(UInt32.self) { float(&$0, Float(bitPattern: $1)) }
            case .float64: each(UInt64.self) { float(&$0, Double(bitPattern: $1)) }
            case .string:
                let isWhole = EncodedStrings.forEach(in: source) { bytes in
                    guard let text = String(validating: bytes, as: UTF8.self) else { return problem = "is not UTF-8" }
                    if !isFirst { raw(",") }
                    isFirst = false
                    string(text)
                }
                if !isWhole { problem = "holds broken text" }
            }
        }
        raw("]")
        if let problem {
            throw InferenceError(
                .failed, "output '\(name)' \(problem), which JSON cannot say; ask for it with 'binary_data: true'")
        }
    }
}
