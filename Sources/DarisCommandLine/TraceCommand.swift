import ArgumentParser
import DarisCore
import DarisReport

/// `daris trace RECORD`.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Turn a recorded run into a trace that Perfetto and chrome://tracing open.",
        discussion: """
            A process is a context, a thread a lane, a slice a stage with its job, MRET and deadline; arrows join the stages \
            of a job. Releases, rejections and misses are marks on a row of their own; counters show the stages that wait \
            and the utilisation that admission goes by. Open the file at https://ui.perfetto.dev: it stays on your machine.

            Examples:
              daris run examples/overload.yaml --record run.jsonl
              daris trace run.jsonl -o trace.json

            Exit codes: 0 done; 1 the record cannot be read, or the trace not be written; 2 wrong usage.
            """)

    @Argument(help: "A record that --record wrote.")
    var record: String
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The trace to write, - for standard output (default: the record's name with .trace.json). One that is there "
                + "is replaced.",
            valueName: "file"))
    var output: String?

    func run() throws {
        let file = try OutputFile(output ?? OutputFile.name(for: record, ending: "trace.json"), record: record)
        try file.write { write in
            let reader = try RunRecordReader(path: record, allowsCutOff: true)
            if let note = try TraceEvents.write(reader, version: Daris.version, to: write) {
                Terminal.error("note: " + note)
            }
        }
    }
}
