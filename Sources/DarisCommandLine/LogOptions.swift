import ArgumentParser
import DarisServer
import Logging
import Synchronization

/// How a command that runs for long says what happens to it, on standard error.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(help: "Lines for people, or one JSON object a line.")
    var logFormat = Format.text
    @Option(
        help: ArgumentHelp(
            "The least level that is written: notice has requests that were not answered, debug every request.",
            valueName: "level"))
    var logLevel = Logger.Level.notice

    func logger() -> Logger {
        Self.format.withLock { $0 = logFormat }
        if logFormat == .json {
            Terminal.errors.setNotice { lost in
                let line = Mutex<[UInt8]>([])
                let handler = JSONLogHandler(label: "daris") { bytes in line.withLock { $0 = bytes } }
                Logger(label: "daris") { _ in handler }.warning(
                    "lines of the log were lost here, since they were not read in time", metadata: ["lost": "\(lost)"])
                return String(decoding: line.withLock { $0 }, as: UTF8.self)
            }
        }
        var logger = Logger(label: "daris")
        logger.logLevel = logLevel
        return logger
    }

    private static let format = Mutex(Format.text)

    /// Has all loggers of the process, those of ONNX Runtime and of libraries too, write where Daris writes. Call it once,
    /// before anything is logged.
    static func bootstrap() {
        LoggingSystem.bootstrap { label in
            switch format.withLock({ $0 }) {
            case .text: TextLogHandler(label: label) { Terminal.errors.write($0) }
            case .json: JSONLogHandler(label: label) { Terminal.errors.write($0) }
            }
        }
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
