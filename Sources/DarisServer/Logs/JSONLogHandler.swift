import Foundation
public import Logging
import Synchronization

/// Writes each line of the log as one JSON object: `time`, `level`, `logger`, `message`, and the metadata under their
/// own names. Nested metadata becomes nested JSON.
public struct JSONLogHandler: LogHandler {
    /// The least level that is written.
    public var logLevel = Logger.Level.info
    /// What every line has.
    public var metadata = Logger.Metadata()
    /// What every line has by the time it is written.
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable ([UInt8]) -> Void

    /// Writes to standard error.
    public init(label: String) { self.init(label: label, write: Self.standardError) }

    init(label: String, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.label = label
        self.write = write
    }

    /// A part of `metadata`.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes a line.
    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
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
            // Whoever logs must not be able to say another time or level.
            json.string(Self.reserved.contains(key) ? "metadata_\(key)" : key)
            json.raw(":")
            Self.write(value, to: &json)
        }
        json.raw("}\n")
        write(json.bytes)
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

    private static let lock = Mutex(())

    /// Whole lines, one after the other.
    @Sendable private static func standardError(_ bytes: [UInt8]) {
        lock.withLock { _ in
            bytes.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let written = Foundation.write(
                        STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    guard written > 0 else { return }
                    rest = rest.dropFirst(written)
                }
            }
        }
    }
}
