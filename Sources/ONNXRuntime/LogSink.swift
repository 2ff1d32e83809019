import CONNXRuntime
import Logging

/// Passes lines of ONNX Runtime's log on to swift-log. Called from any thread.
final class LogSink: Sendable {
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    /// The function that ONNX Runtime calls for each line; its first argument is the sink.
    static let function: DarisOrtLogFunction = { parameter, severity, category, session, location, message in
        guard let parameter else { return }
        let sink = Unmanaged<LogSink>.fromOpaque(parameter).takeUnretainedValue()
        var metadata: Logger.Metadata = [:]
        for (key, value) in [("category", category), ("session", session), ("location", location)] {
            guard let value, value.pointee != 0 else { continue }
            metadata[key] = .string(String(cString: value))
        }
        sink.logger.log(
            level: (LogSeverity(rawValue: severity) ?? .warning).level,
            "\(message.map { String(cString: $0) } ?? "")", metadata: metadata)
    }
}
