import Foundation

/// How names in Swift become keys in JSON, and back: `responseMs` is `response_ms`.
enum ReportKeys {
    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let key = path[path.count - 1]
            // The counts of jobs name their keys themselves, in snake case, and look for them under that name.
            let isNamedByItself = path.count == 2 && path[0].stringValue == "jobs"
            return isNamedByItself ? key : Key(stringValue: camelCase(key.stringValue))
        }
        return decoder
    }

    /// `response_ms` as `responseMs`.
    static func camelCase(_ key: String) -> String {
        let words = key.split(separator: "_")
        guard let first = words.first, words.count > 1 else { return key }
        return first + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// `responseMs` as `response_ms`; only for messages, since encoders do it themselves.
    static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
    }

    /// The key that could not be written.
    static func path(of error: any Error) -> String {
        guard case EncodingError.invalidValue(_, let context)? = error as? EncodingError else { return "unknown" }
        return path(context.codingPath)
    }

    /// Why a text could not be read, with the key.
    static func reason(of error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, let context)?: "the key '\(path(context.codingPath + [key]))' is missing"
        case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?:
            "'\(path(context.codingPath))' has another type"
        case .dataCorrupted(let context)? where !context.codingPath.isEmpty:
            "'\(path(context.codingPath))' has a value that is not known"
        default: "it is not JSON"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        let path = keys.map { key in key.intValue.map { "[\($0)]" } ?? ".\(snakeCase(key.stringValue))" }.joined()
        return String(path.trimmingPrefix("."))
    }

    /// A key of any name.
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
