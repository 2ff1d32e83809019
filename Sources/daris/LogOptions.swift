import ArgumentParser
import DarisServer
import Logging

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
        var logger = Logger(label: "daris") { label in
            switch logFormat {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler(label: label)
            }
        }
        logger.logLevel = logLevel
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
