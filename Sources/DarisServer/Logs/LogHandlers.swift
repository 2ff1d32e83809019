import Foundation
import Logging

/// Writes each line of the log as one JSON object: `time`, `level`, `logger`, `message`, and the metadata under their
/// own names. Nested metadata becomes nested JSON.
package struct JSONLogHandler: LogHandler {
    /// The least level that is written.
    package var logLevel = Logger.Level.info
    /// What every line has.
    package var metadata = Logger.Metadata()
    /// What every line has by the time it is written.
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameter write: takes a line with its line break, and must not wait.
    package init(label: String, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.label = label
        self.write = write
    }

    /// A part of `metadata`.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes a line.
    package func log(event: LogEvent) {
        let all = event.allMetadata(metadata, metadataProvider)
        var json = JSONWriter()
        json.raw("{\"time\":")
        json.string(Date.now.formatted(Self.time))
        json.raw(",\"level\":")
        json.string(event.level.rawValue)
        json.raw(",\"logger\":")
        json.string(label)
        json.raw(",\"message\":")
        json.string("\(event.message)")
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            json.raw(",")
            // A caller must not be able to log another time or level.
            json.string(Self.reserved.contains(key) ? "metadata_\(key)" : key)
            json.raw(":")
            Self.write(value, to: &json)
        }
        json.raw("}\n")
        write(Self.escaped(json.bytes))
    }

    /// The same JSON without characters that do something to a terminal, or end a line for some programs.
    private static func escaped(_ line: [UInt8]) -> [UInt8] {
        guard line.contains(where: { $0 >= 0x7f }) else { return line }
        var result = String.UnicodeScalarView()
        for scalar in String(decoding: line, as: UTF8.self).unicodeScalars {
            if scalar.value >= 0x7f, TextLogHandler.mustBeEscaped(scalar) {
                let digits = String(scalar.value, radix: 16)
                result.append(
                    contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return Array(String(result).utf8)
    }

    private static let reserved: Set = ["time", "level", "logger", "message"]
    private static let time = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private static func write(_ value: Logger.Metadata.Value, to json: inout JSONWriter) {
        switch value {
        case .string(let text): json.string(text)
        case .stringConvertible(let value): json.string("\(value)")
        case .array(let values):
            json.raw("[")
            for (index, value) in values.enumerated() {
                if index > 0 { json.raw(",") }
                write(value, to: &json)
            }
            json.raw("]")
        case .dictionary(let values):
            json.raw("{")
            for (index, (key, value)) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { json.raw(",") }
                json.string(key)
                json.raw(":")
                write(value, to: &json)
            }
            json.raw("}")
        }
    }
}

extension LogEvent {
    /// The metadata of a line: of its handler, of the place it comes from, and its own, which counts most.
    func allMetadata(_ base: Logger.Metadata, _ provider: Logger.MetadataProvider?) -> Logger.Metadata {
        var all = base
        if let provided = provider?.get() { all.merge(provided) { $1 } }
        if let metadata { all.merge(metadata) { $1 } }
        if let error { all["error"] = "\(error)" }
        return all
    }
}

/// Writes each line of the log for people: time, level, logger, metadata, where from, message. Whatever is in it, it is one
/// line, and does nothing to a terminal: control characters are written as `\\n` or `\\u{1b}`.
package struct TextLogHandler: LogHandler {
    /// The least level that is written.
    package var logLevel = Logger.Level.info
    /// What every line has.
    package var metadata = Logger.Metadata()
    /// What every line has by the time it is written.
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameter write: takes a line with its line break, and must not wait.
    package init(label: String, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.label = label
        self.write = write
    }

    /// A part of `metadata`.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes a line.
    package func log(event: LogEvent) {
        let all = event.allMetadata(metadata, metadataProvider)
        var line = "\(Date.now.formatted(Self.time)) \(event.level) \(label):"
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        line += " [\(event.source)] \(event.message)"
        write(Array(Self.escaped(line).utf8) + [UInt8(ascii: "\n")])
    }

    private static let time = Date.ISO8601FormatStyle()

    /// A text without control characters (C0, DEL, C1), line separators, and marks that change the direction of writing.
    static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: mustBeEscaped) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where mustBeEscaped(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func mustBeEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f...0x9f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}
