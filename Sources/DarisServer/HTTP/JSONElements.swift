import CDarisNumbers
import ONNXRuntime

/// The elements of a tensor as JSON has them, flat or nested, and as bytes.
struct JSONElements {
    /// Arrays inside each other.
    static let depth = 16

    private let name: String
    private let type: ElementType
    private let shape: [Int]

    /// - Parameters:
    ///   - name: the input's, for errors.
    ///   - shape: extents from 0 up.
    init(name: String, type: ElementType, shape: [Int]) {
        self.name = name
        self.type = type
        self.shape = shape
    }

    /// Reads an array, and the arrays in it, into memory of the tensor's size.
    ///
    /// - Returns: the elements, row-major and little-endian.
    /// - Throws: if there are not as many as the shape says, or one is none of the type.
    func read(_ reader: inout JSONReader) throws(InferenceError) -> [UInt8] {
        guard reader.next == UInt8(ascii: "[") else { throw reader.wrongKind("input '\(name)': 'data'", "an array") }
        let count = Self.product(shape)
        // Each takes at least a byte, and a comma but the last.
        let place = min(count ?? .max, (reader.bytes.count - reader.position) / 2 + 1)
        let (elements, found) =
            if let size = type.byteSize {
                try numbers(&reader, place: place, size: size)
            } else {
                try strings(&reader, place: place)
            }
        guard found == count else { throw wrongCount("\(found)") }
        return elements
    }

    /// The number of elements, or `nil` if there can be no such number.
    private static func product(_ shape: [Int]) -> Int? {
        if shape.contains(0) { return 0 }
        var count = 1
        for extent in shape {
            let (next, overflow) = count.multipliedReportingOverflow(by: extent)
            if overflow { return nil }
            count = next
        }
        return count
    }

    private func wrongCount(_ count: String) -> InferenceError {
        InferenceError(.invalid, "input '\(name)' has \(count) elements, which is not its shape \(shape)")
    }

    /// - Parameter place: the most elements that there may be.
    private func numbers(
        _ reader: inout JSONReader, place: Int, size: Int
    ) throws(InferenceError) -> ([UInt8], count: Int) {
        // What is thrown inside is kept, for the array's initializer would lose its type.
        var problem: InferenceError?
        var done = 0
        let elements = [UInt8](unsafeUninitializedCapacity: place * size) { memory, initialized in
            do throws(InferenceError) {
                try leaves(&reader) { reader throws(InferenceError) in
                    let target = UnsafeMutableRawPointer(memory.baseAddress.map { $0 + done * size })
                    let read = daris_elements_read(
                        type.rawValue, reader.bytes.baseAddress, reader.bytes.count, reader.position, target,
                        place - done)
                    done += read.count
                    reader.move(to: read.position)
                    switch read.stop {
                    case DARIS_STOP_END: break
                    case DARIS_STOP_FULL:
                        try reader.skip()
                        throw wrongCount("more than \(place)")
                    default: throw wrongElement(&reader, index: done)
                    }
                }
            } catch {
                problem = error
            }
            initialized = done * size
        }
        if let problem { throw problem }
        return (elements, done)
    }

    /// - Parameter place: the most elements that there may be.
    private func strings(_ reader: inout JSONReader, place: Int) throws(InferenceError) -> ([UInt8], count: Int) {
        // Texts take no more than they do in JSON, so that the array never grows.
        var end = reader
        let length = end.pass() ? end.position - reader.position : 0
        var elements: [UInt8] = []
        elements.reserveCapacity(length + 4 * place)
        var done = 0
        try leaves(&reader) { reader throws(InferenceError) in
            guard reader.next == UInt8(ascii: "\"") else { throw wrongElement(&reader, index: done) }
            guard done < place else {
                try reader.skip()
                throw wrongCount("more than \(place)")
            }
            let start = elements.count
            elements.append(contentsOf: [0, 0, 0, 0])
            try reader.string(into: &elements)
            let size = UInt32(clamping: elements.count - start - 4).littleEndian
            elements.withUnsafeMutableBytes { $0.storeBytes(of: size, toByteOffset: start, as: UInt32.self) }
            done += 1
        }
        return (elements, done)
    }

    /// Goes through the arrays.
    ///
    /// - Parameter read: reads one value or several with commas between them.
    private func leaves(
        _ reader: inout JSONReader, _ read: (inout JSONReader) throws(InferenceError) -> Void
    ) throws(InferenceError) {
        var depth = 0
        repeat {
            reader.skipSpace()
            if reader.take(UInt8(ascii: "[")) {
                depth += 1
                guard depth <= Self.depth else {
                    throw InferenceError(.invalid, "input '\(name)': 'data' is nested more than \(Self.depth) deep")
                }
                reader.skipSpace()
                guard reader.take(UInt8(ascii: "]")) else { continue }
                depth -= 1
            } else {
                try read(&reader)
            }
            while depth > 0 {
                reader.skipSpace()
                if reader.take(UInt8(ascii: ",")) { break }
                guard reader.take(UInt8(ascii: "]")) else { throw reader.malformed("',' or ']'") }
                depth -= 1
            }
        } while depth > 0
    }

    // MARK: - What is wrong with an element

    /// What is wrong with the value at the position: it is none of JSON, none of the type, or cannot be held by it.
    private func wrongElement(_ reader: inout JSONReader, index: Int) -> InferenceError {
        let start = reader.position
        switch reader.next {
        case UInt8(ascii: "N"), UInt8(ascii: "I"):
            // A word of floating point, or the start of one.
            return isFloat ? reader.malformed("a value") : notOfType("NaN or infinity", index: index)
        default: break
        }
        do throws(InferenceError) { try reader.skip() } catch { return error }
        let text = reader.bytes[start..<reader.position]
        let isLong = text.count > 40
        return notOfType(String(decoding: text.prefix(40), as: UTF8.self) + (isLong ? "…" : ""), index: index)
    }

    private func notOfType(_ text: String, index: Int) -> InferenceError {
        InferenceError(
            .invalid,
            "input '\(name)': element \(index) is \(text), which is no \(type.protocolName): it must be \(whatItMustBe)"
        )
    }

    private var isFloat: Bool { [.float16, .bfloat16, .float32, .float64].contains(type) }

    private var whatItMustBe: String {
        func whole<Integer: FixedWidthInteger>(_: Integer.Type) -> String {
            "a whole number from \(Integer.min) to \(Integer.max)"
        }
        func number(_ largest: String) -> String { "a number of at most ±\(largest), or ±Infinity or NaN" }
        return switch type {
        case .bool: "true or false"
        case .string: "a string"
        case .uint8: whole(UInt8.self)
        case .uint16: whole(UInt16.self)
        case .uint32: whole(UInt32.self)
        case .uint64: whole(UInt64.self)
        case .int8: whole(Int8.self)
        case .int16: whole(Int16.self)
        case .int32: whole(Int32.self)
        case .int64: whole(Int64.self)
        case .float16: number("65504")
        case .bfloat16: number("3.3895314e+38")
        case .float32: number("3.4028235e+38")
        case .float64: number("1.7976931348623157e+308")
        }
    }
}
