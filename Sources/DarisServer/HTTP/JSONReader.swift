/// A reader of JSON (RFC 8259), to the letter, that goes through bytes once and builds no tree.
///
/// ```swift
/// var reader = JSONReader(bytes)
/// try reader.object("") { reader, name throws(InferenceError) in
///     if name == "id" { id = try reader.string("'id'") } else { try reader.skip() }
/// }
/// try reader.end()
/// ```
///
/// What is no JSON is refused with the byte at which it is wrong and what should be there.
struct JSONReader {
    /// Arrays and objects inside each other.
    static let depth = 64

    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next byte.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Goes on at another byte.
    mutating func move(to position: Int) {
        precondition((0...bytes.count).contains(position), "a reader stays in its bytes")
        self.position = position
    }

    // MARK: - Errors

    /// What is wrong with the byte at the position.
    func malformed(_ expected: String) -> InferenceError {
        InferenceError(.invalid, "the request is no JSON: byte \(position + 1) should be \(expected)")
    }

    /// What is wrong with the value at the position: its kind, if it is one of JSON at all.
    func wrongKind(_ place: String, _ expected: String) -> InferenceError {
        var reader = self
        do throws(InferenceError) { try reader.skip() } catch { return error }
        return Self.unfit("\(place) must be \(expected)")
    }

    /// What is JSON, but no request.
    static func unfit(_ text: String) -> InferenceError {
        InferenceError(.invalid, "the request is not as it should be: \(text)")
    }

    // MARK: - Bytes

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    /// Takes a word, such as `true`.
    mutating func word(_ text: StaticString) throws(InferenceError) {
        for byte in UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount) {
            guard take(byte) else { throw malformed("'\(text)'") }
        }
    }

    // MARK: - Values, without the white space around them

    /// Takes `null`, if that is there.
    mutating func null() throws(InferenceError) -> Bool {
        guard next == UInt8(ascii: "n") else { return false }
        try word("null")
        return true
    }

    mutating func bool(_ place: @autoclosure () -> String) throws(InferenceError) -> Bool {
        switch next {
        case UInt8(ascii: "t"):
            try word("true")
            return true
        case UInt8(ascii: "f"):
            try word("false")
            return false
        default: throw wrongKind(place(), "true or false")
        }
    }

    mutating func string(_ place: @autoclosure () -> String) throws(InferenceError) -> String {
        guard next == UInt8(ascii: "\"") else { throw wrongKind(place(), "a string") }
        var utf8: [UInt8] = []
        try string(into: &utf8)
        return String(decoding: utf8, as: UTF8.self)
    }

    /// A whole number; one that is too large or too small becomes the last that an `Int` can be.
    mutating func integer(_ place: @autoclosure () -> String) throws(InferenceError) -> Int {
        guard let first = next, first == UInt8(ascii: "-") || isDigit(first) else {
            throw wrongKind(place(), "a whole number")
        }
        let start = position
        try number()
        let text = bytes[start..<position]
        guard text.dropFirst().allSatisfy(isDigit) else { throw Self.unfit("\(place()) must be a whole number") }
        return Int(String(decoding: text, as: UTF8.self)) ?? (first == UInt8(ascii: "-") ? .min : .max)
    }

    /// The values of an array.
    ///
    /// - Parameters:
    ///   - place: for errors.
    ///   - element: reads a value, with its index.
    mutating func array(
        _ place: @autoclosure () -> String,
        _ element: (inout JSONReader, Int) throws(InferenceError) -> Void
    ) throws(InferenceError) {
        guard take(UInt8(ascii: "[")) else { throw wrongKind(place(), "an array") }
        skipSpace()
        guard !take(UInt8(ascii: "]")) else { return }
        var index = 0
        repeat {
            skipSpace()
            try element(&self, index)
            index += 1
        } while try another("]")
    }

    /// The members of an object. One that is named twice is refused.
    ///
    /// - Parameters:
    ///   - place: for errors; of all there is, if it is empty.
    ///   - member: reads a member's value, with its name.
    mutating func object(
        _ place: @autoclosure () -> String,
        _ member: (inout JSONReader, String) throws(InferenceError) -> Void
    ) throws(InferenceError) {
        guard take(UInt8(ascii: "{")) else {
            let place = place()
            throw wrongKind(place.isEmpty ? "it" : place, "an object of JSON")
        }
        skipSpace()
        guard !take(UInt8(ascii: "}")) else { return }
        var names: Set<String> = []
        repeat {
            skipSpace()
            let name = try name()
            guard names.insert(name).inserted else {
                let place = place()
                throw Self.unfit((place.isEmpty ? "" : place + ": ") + "'\(name)' is there twice")
            }
            try member(&self, name)
        } while try another("}")
    }

    /// Takes what follows a value: a comma, if there is another, or the end of what it is in.
    private mutating func another(_ end: Unicode.Scalar) throws(InferenceError) -> Bool {
        skipSpace()
        if take(UInt8(ascii: ",")) { return true }
        guard take(UInt8(ascii: end)) else { throw malformed("',' or '\(end)'") }
        return false
    }

    /// The name of a member, with the colon and the white space behind it.
    mutating func name() throws(InferenceError) -> String {
        guard next == UInt8(ascii: "\"") else { throw malformed("a name in quotation marks") }
        let name = try string("")
        try colon()
        return name
    }

    private mutating func colon() throws(InferenceError) {
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw malformed("':'") }
        skipSpace()
    }

    /// Makes sure that nothing but white space is left.
    mutating func end() throws(InferenceError) {
        skipSpace()
        guard position == bytes.count else { throw malformed("nothing more") }
    }

    // MARK: - Numbers

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private mutating func digits() throws(InferenceError) {
        guard let first = next, isDigit(first) else { throw malformed("a value") }
        while let byte = next, isDigit(byte) { position += 1 }
    }

    /// Goes behind a number.
    mutating func number() throws(InferenceError) {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
    }

    // MARK: - Strings

    /// Appends the UTF-8 of a string, which begins at the position.
    mutating func string(into utf8: inout [UInt8]) throws(InferenceError) {
        position += 1
        while true {
            try plainText(into: &utf8)
            if take(UInt8(ascii: "\"")) { return }
            position += 1
            try escape(into: &utf8)
        }
    }

    /// Appends what comes before the next quotation mark or backslash.
    private mutating func plainText(into utf8: inout [UInt8]) throws(InferenceError) {
        let start = position
        var all: UInt8 = 0
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            guard byte >= 0x20 else { throw malformed("no control character in a string") }
            all |= byte
            position += 1
        }
        guard position < bytes.count else { throw malformed("the end of a string") }
        let text = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
        if all >= 0x80, let wrong = Self.firstOutsideUTF8(text) {
            position = start + wrong
            throw malformed("UTF-8")
        }
        utf8.append(contentsOf: text)
    }

    /// Where bytes are not UTF-8.
    static func firstOutsideUTF8(_ text: UnsafeRawBufferPointer) -> Int? {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text.bindMemory(to: UInt8.self).span)
            return nil
        } catch {
            return error.byteOffsets.lowerBound
        }
    }

    /// Appends what is behind a backslash.
    private mutating func escape(into utf8: inout [UInt8]) throws(InferenceError) {
        guard let escape = next else { throw malformed("an escape") }
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): utf8.append(escape)
        case UInt8(ascii: "b"): utf8.append(0x08)
        case UInt8(ascii: "f"): utf8.append(0x0c)
        case UInt8(ascii: "n"): utf8.append(0x0a)
        case UInt8(ascii: "r"): utf8.append(0x0d)
        case UInt8(ascii: "t"): utf8.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            utf8.append(contentsOf: String(try scalar()).utf8)
            return
        default: throw malformed("an escape")
        }
        position += 1
    }

    /// The scalar whose digits follow, or those of its two surrogates.
    private mutating func scalar() throws(InferenceError) -> Unicode.Scalar {
        let start = position
        let first = UInt32(try hexadecimal())
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00 else {
            position = start
            throw malformed("the first half of a pair of surrogates")
        }
        guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw malformed("the second half of a pair of surrogates")
        }
        let middle = position
        let second = UInt32(try hexadecimal())
        guard (0xdc00..<0xe000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + second - 0xdc00)
        else {
            position = middle
            throw malformed("the second half of a pair of surrogates")
        }
        return scalar
    }

    private mutating func hexadecimal() throws(InferenceError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, byte < 0x80, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
                throw malformed("four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }

    // MARK: - Values that are not needed

    /// Goes behind a value, without recursion.
    mutating func skip() throws(InferenceError) {
        /// The arrays and objects that are open, by the byte that ends them.
        var open: [UInt8] = []
        var unused: [UInt8] = []
        func name(_ reader: inout JSONReader) throws(InferenceError) {
            reader.skipSpace()
            guard reader.next == UInt8(ascii: "\"") else { throw reader.malformed("a name in quotation marks") }
            try reader.string(into: &unused)
            try reader.colon()
        }
        while true {
            skipSpace()
            // The start of a value.
            switch next {
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                guard open.count < Self.depth else {
                    throw malformed("no more than \(Self.depth) arrays in each other")
                }
                let isArray = take(UInt8(ascii: "["))
                if !isArray { position += 1 }
                let end = isArray ? UInt8(ascii: "]") : UInt8(ascii: "}")
                skipSpace()
                if !take(end) {
                    open.append(end)
                    if !isArray { try name(&self) }
                    continue
                }
            case UInt8(ascii: "\""):
                unused.removeAll(keepingCapacity: true)
                try string(into: &unused)
            case UInt8(ascii: "t"): try word("true")
            case UInt8(ascii: "f"): try word("false")
            case UInt8(ascii: "n"): try word("null")
            default: try number()
            }
            // What may follow it.
            while let end = open.last {
                skipSpace()
                if take(UInt8(ascii: ",")) {
                    if end == UInt8(ascii: "}") { try name(&self) }
                    break
                }
                guard take(end) else { throw malformed("',' or '\(Character(UnicodeScalar(end)))'") }
                open.removeLast()
            }
            if open.isEmpty { return }
        }
    }

    /// Goes behind a value as fast as that is found, by brackets and quotation marks alone.
    ///
    /// - Returns: `false` if the value has no end.
    mutating func pass() -> Bool {
        var depth = 0
        var place = position
        defer { position = place }
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let end = Self.endOfString(bytes, from: place) else { return false }
                place = end
                if depth == 0 { return true }
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 { return true }
                if depth < 0 {
                    place -= 1
                    return true
                }
            case UInt8(ascii: ",") where depth == 0:
                place -= 1
                return true
            default: break
            }
        }
        return false
    }

    /// What is behind the quotation mark that ends a string.
    private static func endOfString(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var place = start
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""): return place + 1
            case UInt8(ascii: "\\"): place += 2
            default: place += 1
            }
        }
        return nil
    }
}
