import ArgumentParser
import DarisCore
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

            Exit codes: 0 told to end, or cannot start, which it has said; 2 not started by daris; 3 the GPU's context is \
            lost.
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
