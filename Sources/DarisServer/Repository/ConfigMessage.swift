import Foundation

/// A model's configuration as it is written, before anything is known of its fields: Protocol Buffers' text format
/// (`config.pbtxt`) or JSON (an override).
///
/// ```
/// name: "classify"
/// instance_group [ { count: 2 kind: KIND_CPU } ]
/// dynamic_batching { max_queue_delay_microseconds: 100 }
/// ```
///
/// Its own reader of the text format, since SwiftProtobuf's stops at the first field that it does not know, and those are to be
/// named.
struct ConfigMessage: Hashable, Sendable {
    /// What a field holds.
    indirect enum Value: Hashable, Sendable {
        /// A number, a word, or the inside of a text in quotes.
        case scalar(String)
        case message(ConfigMessage)
    }

    /// A field; one that is repeated stands there as often.
    struct Field: Hashable, Sendable {
        var name: String
        var value: Value
    }

    /// In the order in which they stand there.
    var fields: [Field] = []

    /// Why a text is no configuration.
    struct Problem: Error, Hashable, Sendable {
        /// From 1; 0 where lines say nothing.
        var line = 0
        /// What would be right.
        var text: String
    }

    init() {}
}

extension ConfigMessage {
    /// How deep messages may nest.
    private static let depthLimit = 32

    /// Reads the text format.
    init(text: String) throws(Problem) {
        var reader = ConfigTextReader(text)
        self = try reader.message(until: nil, depth: Self.depthLimit)
    }

    /// Reads JSON, in which names of fields may be in lower camel case, as Protocol Buffers write them.
    init(json: String) throws(Problem) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else {
            throw Problem(text: "it is no JSON object")
        }
        self = try Self.message(object, depth: Self.depthLimit)
    }

    private static func message(_ object: [String: Any], depth: Int) throws(Problem) -> ConfigMessage {
        guard depth > 0 else { throw Problem(text: "it nests deeper than \(depthLimit) levels") }
        var message = ConfigMessage()
        for (key, value) in object.sorted(by: { $0.key < $1.key }) {
            for element in value as? [Any] ?? [value] where !(element is NSNull) {
                let read: Value
                switch element {
                case let object as [String: Any]: read = .message(try Self.message(object, depth: depth - 1))
                case let text as String: read = .scalar(text)
                case let number as NSNumber: read = .scalar(Self.isTruth(number) ? "\(number.boolValue)" : "\(number)")
                default: throw Problem(text: "'\(key)' is neither a value nor an object")
                }
                message.fields.append(Field(name: Self.snakeCase(key), value: read))
            }
        }
        return message
    }

    private static func isTruth(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { text, letter in
            if letter.isUppercase { text += "_" + letter.lowercased() } else { text.append(letter) }
        }
    }
}

/// Reads Protocol Buffers' text format.
private struct ConfigTextReader {
    private enum Token: Hashable {
        case word(String)
        case quoted(String)
        case sign(Character)
    }

    private let characters: [Character]
    private var position = 0
    private var line = 1
    private var next: Token?

    init(_ text: String) { characters = Array(text.replacing("\r\n", with: "\n")) }

    /// Reads fields up to a sign that ends them, or to the end of the text.
    mutating func message(until end: Character?, depth: Int) throws(ConfigMessage.Problem) -> ConfigMessage {
        guard depth > 0 else { throw problem("messages nest too deep") }
        var message = ConfigMessage()
        while true {
            guard let token = try take() else {
                if let end { throw problem("here the file ends where '\(end)' would be right") }
                return message
            }
            switch token {
            case .sign(let sign) where sign == end: return message
            // Fields may be separated.
            case .sign(","), .sign(";"): continue
            case .word(let name): try readField(name, into: &message, depth: depth)
            default: throw problem("here a field's name would be right")
            }
        }
    }

    private mutating func readField(
        _ name: String, into message: inout ConfigMessage, depth: Int
    ) throws(ConfigMessage.Problem) {
        let hasColon = try peek() == .sign(":")
        if hasColon { _ = try take() }
        func add(_ value: ConfigMessage.Value) { message.fields.append(.init(name: name, value: value)) }
        guard try peek() == .sign("[") else { return add(try value(of: name, needsMessage: !hasColon, depth: depth)) }
        _ = try take()
        if try peek() == .sign("]") {
            _ = try take()
            return
        }
        while true {
            add(try value(of: name, needsMessage: false, depth: depth))
            switch try take() {
            case .sign(","): continue
            case .sign("]"): return
            default: throw problem("after an element of '\(name)' comes ',' or ']'")
            }
        }
    }

    private mutating func value(
        of name: String, needsMessage: Bool, depth: Int
    ) throws(ConfigMessage.Problem) -> ConfigMessage.Value {
        switch try take() {
        case .sign("{"): return .message(try message(until: "}", depth: depth - 1))
        case .sign("<"): return .message(try message(until: ">", depth: depth - 1))
        case .word(let word) where !needsMessage: return .scalar(word)
        case .sign("-") where !needsMessage:
            guard case .word(let word)? = try take() else { throw problem("after '-' comes a number") }
            return .scalar("-" + word)
        case .quoted(var text) where !needsMessage:
            // Texts in a row are one.
            while case .quoted(let more)? = try peek() {
                _ = try take()
                text += more
            }
            return .scalar(text)
        default:
            throw problem("after '\(name)' comes ':' and a value, or a message in braces")
        }
    }

    private mutating func peek() throws(ConfigMessage.Problem) -> Token? {
        if next == nil { next = try read() }
        return next
    }

    private mutating func take() throws(ConfigMessage.Problem) -> Token? {
        let token = try peek()
        next = nil
        return token
    }

    private mutating func read() throws(ConfigMessage.Problem) -> Token? {
        while position < characters.count {
            let character = characters[position]
            if character == "#" {
                while position < characters.count, characters[position] != "\n" { position += 1 }
            } else if character.isWhitespace {
                if character == "\n" { line += 1 }
                position += 1
            } else if character == "\"" || character == "'" {
                return .quoted(try quoted(character))
            } else if Self.isWord(character) {
                let first = position
                while position < characters.count, Self.isWord(characters[position]) { position += 1 }
                return .word(String(characters[first..<position]))
            } else {
                position += 1
                return .sign(character)
            }
        }
        return nil
    }

    private static func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "_.+".contains(character)
    }

    private mutating func quoted(_ mark: Character) throws(ConfigMessage.Problem) -> String {
        var text = ""
        position += 1
        while position < characters.count, characters[position] != "\n" {
            let character = characters[position]
            position += 1
            if character == mark { return text }
            guard character == "\\", position < characters.count else {
                text.append(character)
                continue
            }
            let escaped = characters[position]
            position += 1
            switch escaped {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "r": text.append("\r")
            case "\\", "\"", "'", "?": text.append(escaped)
            default: throw problem("'\\\(escaped)' is not understood in a text")
            }
        }
        throw problem("a text in quotes does not end on its line")
    }

    private func problem(_ text: String) -> ConfigMessage.Problem { .init(line: line, text: text) }
}
