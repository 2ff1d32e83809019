import ArgumentParser
import DarisRuntime
import Foundation

/// `daris worker`, which nobody types.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run the stages of one context for another daris.",
        discussion: """
            Under 'isolation: process' daris starts one of these for each context; docs/isolation.md tells how they work. \
            A worker is given open files by the one that starts it, and cannot be started by hand.

            Exit codes: 0 told to end; 2 not started by daris.
            """, shouldDisplay: false)

    func run() throws {
        _ = Worker.serve()
        throw Failure.usage("'daris worker' is started by daris itself, for 'isolation: process'")
    }
}
