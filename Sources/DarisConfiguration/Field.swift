import DarisCore
import Yams

/// A value in a file together with its place and path, so that whatever is wrong with it can be said precisely.
struct Field {
    let node: Node
    let file: String
    /// The path from the root, such as `tasks[1].rate`; empty for the root.
    let path: String

    var line: Int { node.mark?.line ?? 1 }
    var column: Int { node.mark?.column ?? 1 }

    func error(_ message: String) -> ConfigurationError {
        ConfigurationError(file: file, line: line, column: column, field: path, message: message)
    }

    /// Whether the value was left out, or written as `null` or `~`.
    var isNull: Bool {
        guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The text of a scalar.
    ///
    /// - Parameters:
    ///   - kind: What is expected, with its article, for the error.
    ///   - example: A right value, for the error.
    func text(_ kind: String, example: String) throws(ConfigurationError) -> String {
        switch node {
        case .scalar(let scalar):
            if isNull { throw error("has no value; write \(kind), for example '\(example)'") }
            return scalar.string
        case .sequence: throw error("is a list; write \(kind), for example '\(example)'")
        case .mapping: throw error("is a mapping; write \(kind), for example '\(example)'")
        case .alias: throw error("is an alias; write \(kind), for example '\(example)'")
        }
    }

    /// The elements of a list; none if it was left out.
    func elements(example: String) throws(ConfigurationError) -> [Field] {
        if isNull { return [] }
        guard let sequence = node.sequence else { throw error("must be a list; begin each entry with '\(example)'") }
        return sequence.enumerated().map { index, node in
            Field(node: node, file: file, path: "\(path)[\(index)]")
        }
    }

    /// A whole number in `range`; digits alone, whatever number they make, are never "not a whole number".
    func integer<Value: FixedWidthInteger>(in range: ClosedRange<Value>) throws(ConfigurationError) -> Value {
        let kind = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        let text = try text(kind, example: "\(range.lowerBound)")
        if let value = Value(text), range.contains(value) { return value }
        let unsigned = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        guard !unsigned.isEmpty, unsigned.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw error(
                "\(text.quoted) is not a whole number; write one from \(range.lowerBound) to \(range.upperBound)")
        }
        throw error("\(text.quoted) is outside \(range.lowerBound) to \(range.upperBound)")
    }

    func bool() throws(ConfigurationError) -> Bool {
        try choice([("true", true), ("false", false)])
    }

    /// The value of the word written, upper and lower case alike.
    func choice<Value>(_ choices: [(word: String, value: Value)]) throws(ConfigurationError) -> Value {
        let words = choices.map(\.word)
        let text = try text("one of \(words.joined(separator: ", "))", example: words[0])
        if let choice = choices.first(where: { $0.word.lowercased() == text.lowercased() }) { return choice.value }
        throw error("\(text.quoted) is not one of \(words.joined(separator: ", "))")
    }

    func duration(in range: ClosedRange<Nanoseconds>) throws(ConfigurationError) -> Nanoseconds {
        let text = try text("a time", example: "100 ms")
        do { return try Quantity.parseDuration(text, in: range) } catch { throw self.error(error.message) }
    }

    func rate() throws(ConfigurationError) -> Double {
        let text = try text("a rate", example: "20 Hz")
        do { return try Quantity.parseRate(text) } catch { throw self.error(error.message) }
    }

    func share() throws(ConfigurationError) -> Double {
        let text = try text("a share", example: "150 %")
        do { return try Quantity.parseShare(text) } catch { throw self.error(error.message) }
    }

    /// The path of a file, as it is written.
    func path(example: String) throws(ConfigurationError) -> String {
        let text = try text("a path", example: example)
        guard text.utf8.count <= Limits.pathBytes else {
            throw error("a path of \(text.utf8.count) bytes is too long; keep to \(Limits.pathBytes)")
        }
        guard !text.isEmpty, !text.hasSuffix("/"), !text.unicodeScalars.contains(where: Field.isControl) else {
            throw error("\(text.quoted) is not the path of a file; write for example '\(example)'")
        }
        return text
    }

    static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }

    /// A name of a task or a model, which is also what results and metrics call it: [A-Za-z0-9_.-], 1 to 128.
    func name() throws(ConfigurationError) -> String {
        let text = try text("a name", example: "front")
        if let problem = Field.problem(withName: text) { throw error(problem) }
        return text
    }

    static func problem(withName text: String) -> String? { TaskSet.problem(withName: text) }
}

extension TaskSet {
    /// Why a text cannot be the name of a model or task, or `nil` if it can.
    package static func problem(withName text: String) -> String? {
        guard text.unicodeScalars.count <= Limits.nameLength else {
            return "a name of \(text.unicodeScalars.count) characters is too long; keep to \(Limits.nameLength)"
        }
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard allowed, !text.isEmpty else {
            return "\(text.quoted) is not a name; use letters A to Z, digits, '_', '.' and '-'"
        }
        return nil
    }
}
