import ArgumentParser
import CDarisSystem
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation

/// The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or an invalid task set, 3 a high-priority miss under
/// `--strict`.
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

    /// Ends the process after standard error is written, but within a second.
    private static func end(_ code: Int32) -> Never {
        Terminal.errors.flush(within: 1, isLast: true)
        Foundation.exit(code)
    }

    /// Parses and runs the command. The parser also throws the text of `--help` and `--version`.
    private static func parseAndRun() throws {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch  where exitCode(for: error) == .success {
            try Terminal.print(fullMessage(for: error))
        }
    }

    /// Refuses a misspelt command, which the parser would call an unexpected argument.
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

/// The end of a command with a message and an exit code.
struct Failure: Error {
    var message: String
    var exitCode: Int32

    /// A failure while running: exit code 1.
    static func failed(_ error: any Error) -> Failure { Failure(message: "\(error)", exitCode: 1) }
    /// Wrong usage or an invalid file: exit code 2.
    static func usage(_ error: any Error) -> Failure { Failure(message: "\(error)", exitCode: 2) }
    /// Wrong usage or an invalid file: exit code 2.
    static func usage(_ message: String) -> Failure { Failure(message: message, exitCode: 2) }
}

/// A clean end on Ctrl-C, SIGTERM or the end of the terminal (SIGHUP): the first signal calls a handler, a second
/// Ctrl-C or SIGTERM ends the process at once.
///
/// SIGHUP is not handled if the process ignores it: under `nohup`, or as a server.
final class Interruption {
    private let sources: [any DispatchSourceSignal]
    private let signals: [Int32]

    init(_ handler: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "daris-signals")
        let count = Count()
        let registered = DispatchSemaphore(value: 0)
        signals = Self.ignoresHangUp ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP]
        sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                // A terminal that ends may send the signal more than once.
                if number == SIGHUP, count.value > 0 { return }
                count.value += 1
                if count.value > 1 { _exit(128 + number) }
                Terminal.error("stopping: jobs in flight run to their end (again to give up)")
                handler()
            }
            source.setRegistrationHandler { registered.signal() }
            source.resume()
            return source
        }
        // A signal before the registration would be lost.
        for _ in signals { registered.wait() }
    }

    private final class Count: @unchecked Sendable {
        // Unchecked: only used on the one queue.
        var value = 0
    }

    /// Restores the default action of the signals.
    func end() {
        for source in sources { source.cancel() }
        for number in signals { signal(number, SIG_DFL) }
    }

    private static var ignoresHangUp: Bool {
        var action = sigaction()
        sigaction(SIGHUP, nil, &action)
        let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        return handler == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}

/// `daris worker`, an internal command.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run the stages of one context for another daris.",
        discussion: """
            Under 'isolation: process' daris starts a worker for each context; docs/isolation.md describes them. A worker \
            inherits open files from daris, and cannot be started by hand.

            Exit codes: 0 ended by daris, or it could not start and has reported why; 2 not started by daris; 3 the GPU's \
            context is lost.
            """, shouldDisplay: false)

    @Option(help: ArgumentHelp("Print the SMs that this process reaches on a GPU, and end.", valueName: "n"))
    var smMap: Int?

    @Flag(help: "Try the model that standard input names, and end.")
    var probe = false

    func run() throws {
        if probe { throw ExitCode(ModelProbe.answer()) }
        if let smMap {
            guard smMap >= 0 else { throw Failure.usage("--sm-map: \(smMap) is not the number of a GPU") }
            let partition = Partition(contexts: 1, streams: 1, oversubscription: 1)
            let found: [[Int]]
            do {
                found = try SMMapProof.measure(gpu: smMap, partition: partition, kind: .streams, patience: .seconds(10))
                    .found
            } catch {
                throw Failure.failed(error)
            }
            return try Terminal.print(found[0].map(String.init).joined(separator: " "))
        }
        _ = Worker.serve()
        throw Failure.usage("'daris worker' is started by daris itself, for 'isolation: process'")
    }
}
