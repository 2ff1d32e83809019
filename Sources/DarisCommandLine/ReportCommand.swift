import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisReport
import Foundation

/// `daris report RECORD`.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Make one HTML page of a recorded run: figures, timeline, and why jobs missed or were rejected.",
        discussion: """
            Records come from --record of 'daris run', 'daris serve' and 'daris simulate'. The page needs only a browser: it \
            can be mailed, printed, or kept beside the record (docs/report.md). Figures and explanations come from a replay \
            by the scheduler; a record in which it would decide differently is refused.

            The timeline has up to 200,000 stages; --from and --to choose the part of a longer run.

            Examples:
              daris simulate examples/paper-mixed.yaml --record run.jsonl
              daris report run.jsonl                        writes run.html
              daris report run.jsonl --from 3s --to 4s -o -

            Exit codes: 0 done; 1 the record cannot be read, or the page not be written; 2 wrong usage.
            """)

    @Argument(help: "A record that --record wrote.")
    var record: String
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The page to write, - for standard output (default: the record's name with .html). An existing one is "
                + "replaced.",
            valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("The start of the timeline.", valueName: "0s"))
    var from: String?
    @Option(help: ArgumentHelp("The end of the timeline.", valueName: "10s"))
    var to: String?

    func run() throws {
        let span = try Self.span(from: from, to: to)
        let file = try OutputFile(output ?? OutputFile.name(for: record, ending: "html"), record: record)
        try file.write { write in
            let page = try RunPage(
                try RunRecordReader(path: record, allowsCutOff: true), version: Daris.version, from: span.lowerBound,
                to: span.upperBound)
            guard span.lowerBound.inSeconds <= page.summary.elapsedS else {
                throw Failure.usage("--from: the run ended at \(Figure.seconds(page.summary.elapsedS)) already")
            }
            if let note = page.cutOff { Terminal.error("note: " + note) }
            try write(Array(page.html.utf8))
        }
    }

    private static func span(from: String?, to: String?) throws(Failure) -> Range<Nanoseconds> {
        do {
            let start = try from.map { try Quantity.parseDuration($0, field: "--from") } ?? .zero
            let end = try to.map { try Quantity.parseDuration($0, field: "--to") } ?? .distantFuture
            guard start < end else { throw Failure.usage("--to: the timeline must end after its beginning") }
            return start..<end
        } catch let failure as Failure { throw failure } catch { throw Failure.usage(error) }
    }
}

/// `daris trace RECORD`.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Turn a recorded run into a trace that Perfetto and chrome://tracing open.",
        discussion: """
            A process is a context, a thread a lane, a slice a stage with its job, MRET and deadline; arrows join the stages \
            of a job. Releases, rejections and misses are marks on a row of their own; counters show the ready stages and \
            the utilisation for admission. Open the file at https://ui.perfetto.dev: it stays on your machine.

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
            "The trace to write, - for standard output (default: the record's name with .trace.json). An existing one is "
                + "replaced.",
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
