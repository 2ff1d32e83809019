import Logging

/// How much weight a line of ONNX Runtime's log has. The numbers are ONNX Runtime's.
package enum LogSeverity: Int32, Comparable, Sendable {
    /// Every detail.
    case verbose = 0
    /// What is done, such as each optimisation of a graph.
    case info = 1
    /// Something that may not be as wanted.
    case warning = 2
    /// Something that failed.
    case error = 3
    /// Something after which the process cannot go on.
    case fatal = 4

    /// Whether `a` has less weight than `b`.
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
