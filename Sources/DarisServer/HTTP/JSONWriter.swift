import CDarisNumbers
import ONNXRuntime

/// JSON as it is written, piece by piece.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []

    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Bytes as they are.
    mutating func raw(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    /// Makes place for so many more bytes.
    mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    /// A string in quotation marks.
    mutating func string(_ text: some StringProtocol) {
        var text = String(text)
        text.withUTF8 { string(UnsafeRawBufferPointer($0)) }
    }

    /// A string in quotation marks, of UTF-8.
    mutating func string(_ utf8: UnsafeRawBufferPointer) {
        bytes.append(UInt8(ascii: "\""))
        // What needs no escape is copied at once.
        var start = 0
        for (index, byte) in utf8.enumerated()
        where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: utf8[start..<index]))
            escape(byte)
            start = index + 1
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: utf8[start...]))
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        guard byte < 0x20 else {
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
            return
        }
        raw("\\u00")
        for digit in [byte >> 4, byte & 15] {
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    mutating func shape(_ shape: [Int]) {
        raw("[" + shape.map(String.init).joined(separator: ",") + "]")
    }

    /// The elements of a tensor as a flat array.
    ///
    /// NaN and the infinities, for which JSON has no form, are `NaN`, `Infinity` and `-Infinity`, as Triton writes them and
    /// many readers of JSON take them.
    ///
    /// - Parameter limit: the bytes that may have been written in the end. Where it is passed, the rest is left out.
    /// - Throws: if strings are not UTF-8.
    mutating func elements(
        _ data: [UInt8], type: ElementType, name: String, limit: Int = .max
    ) throws(InferenceError) {
        raw("[")
        if let size = type.byteSize {
            data.withUnsafeBytes { numbers($0, type: type, size: size, limit: limit) }
        } else {
            var problem: String?
            var isFirst = true
            let isWhole = data.withUnsafeBytes { source in
                EncodedStrings.forEach(in: source) { text in
                    guard problem == nil, bytes.count <= limit else { return }
                    guard JSONReader.firstOutsideUTF8(text) == nil else {
                        return problem = "holds bytes that are not UTF-8"
                    }
                    if !isFirst { raw(",") }
                    isFirst = false
                    string(text)
                }
            }
            if !isWhole { problem = "holds broken text" }
            if let problem {
                throw InferenceError(
                    .failed,
                    "output '\(name)' \(problem), which JSON cannot say; ask for it with 'binary_data: true'")
            }
        }
        raw("]")
    }

    /// The bytes of text that are written at a time.
    private static let blockSize = 8_192

    private mutating func numbers(_ source: UnsafeRawBufferPointer, type: ElementType, size: Int, limit: Int) {
        let width = daris_element_width(type.rawValue)
        let count = source.count / size
        let block = Self.blockSize / width
        withUnsafeTemporaryAllocation(byteCount: block * width, alignment: 1) { text in
            for start in stride(from: 0, to: count, by: block) where bytes.count <= limit {
                if start > 0 { raw(",") }
                let length = daris_elements_write(
                    type.rawValue, source.baseAddress.map { $0 + start * size }, min(block, count - start),
                    text.baseAddress)
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[..<length]))
            }
        }
    }

    /// About how many bytes of text the elements take, from above for most tensors.
    static func expectedBytes(_ data: [UInt8], _ type: ElementType) -> Int {
        switch type {
        case .bool: 6 * data.count
        case .uint8, .int8: 4 * data.count
        case .uint16, .int16: 3 * data.count
        case .float16, .bfloat16: 6 * data.count
        case .float32: 7 * data.count / 2
        case .uint32, .int32: 3 * data.count
        case .float64, .uint64, .int64: 5 * data.count / 2
        case .string: data.count
        }
    }
}
