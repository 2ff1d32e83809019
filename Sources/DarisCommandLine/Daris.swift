import ArgumentParser
import CDarisSystem
import DarisConfiguration
import Foundation

/// The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or a task set that says something impossible, 3 a
/// high-priority miss under `--strict`.
@main
struct Daris: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "daris",
        abstract: "Schedules many DNN inference tasks on one device so that they meet their deadlines.",
        discussion: """
            High-priority tasks come first and are never rejected; low-priority tasks are admitted only where they \
            fit, and fill the device.

            Try:
              daris doctor                         see what this machine offers
              daris run examples/overload.yaml     run a task set of real networks
              daris run examples/overload.yaml --policy fifo
                                                   the same without scheduling
              daris run examples/overload.yaml --record run.jsonl && daris report run.jsonl
                                                   a page with a timeline, and why jobs missed or were rejected
              daris plan examples/paper-mixed.yaml find a partition for a GPU, by simulation
              daris serve examples/serve.yaml      answer inference clients (HTTP, gRPC)
              daris check TASKSET                  look for mistakes, run nothing

            Exit codes: 0 done; 1 failed; 2 wrong usage or task set; 3 a high-priority miss under --strict.
            """,
        version: version,
        subcommands: [
            RunCommand.self, SimulateCommand.self, ReportCommand.self, TraceCommand.self, ServeCommand.self,
            LoadCommand.self, PlanCommand.self,
            AblateCommand.self, CheckCommand.self,
            ProfileCommand.self, SplitCommand.self, ModelCommand.self, GPUCheckCommand.self,
            DoctorCommand.self, ReproduceCommand.self, CalibrateCommand.self,
            WorkerCommand.self,
        ])

    static func main() {
        LogOptions.bootstrap()
        daris_end_crashes("daris")
        do {
            try refuseUnknownCommand()
            try parseAndRun()
        } catch let failure as Failure {
            Terminal.error("error: \(failure.message)")
            end(failure.exitCode)
        } catch let code as ExitCode {
            end(code.rawValue)
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            Terminal.error(text.hasPrefix("Error: ") ? "error: " + text.dropFirst(7) : text)
            end(code == .validationFailure ? 2 : 1)
        }
        end(0)
    }

    /// Ends the process, as soon as what was said has been written, but not later than in a second.
    private static func end(_ code: Int32) -> Never {
        Terminal.errors.flush(within: 1, isLast: true)
        Foundation.exit(code)
    }

    /// The parser throws what is to be shown for `--help` and `--version`, too.
    private static func parseAndRun() throws {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch  where exitCode(for: error) == .success {
            try Terminal.print(fullMessage(for: error))
        }
    }

    /// The parser would call a misspelt command an unexpected argument.
    private static func refuseUnknownCommand() throws(Failure) {
        guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-") else { return }
        let names = configuration.subcommands.compactMap { $0.configuration.commandName }
        // 'help' is the parser's own.
        guard word != "help", !names.contains(word) else { return }
        let shown = configuration.subcommands.filter { $0.configuration.shouldDisplay }
            .compactMap { $0.configuration.commandName }
        throw .usage(
            "there is no command '\(word)';\(Spelling.suggestion(for: word, among: shown)) there are "
                + shown.joined(separator: ", "))
    }
}

/// Ends the command with a message and an exit code.
struct Failure: Error {
    var message: String
    var exitCode: Int32

    /// Something went wrong: exit code 1.
    static func failed(_ error: any Error) -> Failure { Failure(message: "\(error)", exitCode: 1) }
    /// Something was written wrongly: exit code 2.
    static func usage(_ error: any Error) -> Failure { Failure(message: "\(error)", exitCode: 2) }
    /// Something was written wrongly: exit code 2.
    static func usage(_ message: String) -> Failure { Failure(message: message, exitCode: 2) }
}
