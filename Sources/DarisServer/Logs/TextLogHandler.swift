import Foundation
import Logging

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
