import CONNXRuntime
import Logging

/// ONNX Runtime's state in this process: the destination of its log, and the base of every session.
///
/// Make one and give it to every session. A process has one such state: environments that live at the same time share
/// it, and the log of the first. Any number of threads may use an environment.
package final class Environment: Sendable {
    /// The library this environment belongs to.
    package let library: ONNXRuntimeLibrary
    let handle: Handle

    /// An environment whose log goes to `logger`.
    ///
    /// - Parameters:
    ///   - library: The library.
    ///   - logger: The destination of lines. ONNX Runtime itself writes nothing to standard error.
    ///   - severity: The lowest severity that is passed on.
    package init(
        library: ONNXRuntimeLibrary, logger: Logger = Logger(label: "onnxruntime"), severity: LogSeverity = .warning
    ) throws(ONNXRuntimeError) {
        self.library = library
        let table = library.api.table
        // Never released (a small object for each environment made): the process's one state keeps the sink it was made
        // with, and may outlive the environment that made it, if another one shares it.
        let sink = Unmanaged.passRetained(LogSink(logger: logger)).toOpaque()
        handle = try library.api.make("CreateEnv", for: "the process", release: daris_ort_release_env) {
            daris_ort_create_env_with_custom_logger(table, LogSink.function, sink, severity.rawValue, "daris", &$0)
        }
    }
}

/// The severity of a line of ONNX Runtime's log. The raw values are ONNX Runtime's.
package enum LogSeverity: Int32, Comparable, Sendable {
    /// Every detail.
    case verbose = 0
    /// Steps, such as each optimisation of a graph.
    case info = 1
    /// A possible problem.
    case warning = 2
    /// A failure.
    case error = 3
    /// A failure that ends the process.
    case fatal = 4

    /// Whether `a` is less severe than `b`.
    package static func < (a: LogSeverity, b: LogSeverity) -> Bool { a.rawValue < b.rawValue }

    /// The level of swift-log at which a line of this severity appears.
    package var level: Logger.Level {
        switch self {
        case .verbose: .trace
        case .info: .info
        case .warning: .warning
        case .error: .error
        case .fatal: .critical
        }
    }
}

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
