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
            Records come from --record of 'daris run', 'daris serve' and 'daris simulate'. The page needs nothing but a \
            browser: it can be mailed, printed, or kept beside the record (docs/report.md). Figures and explanations are \
            worked out by letting the scheduler decide again; a record that it would not have decided so is refused.

            The timeline holds up to 200,000 stages; --from and --to choose the part of a longer run.

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
            "The page to write, - for standard output (default: the record's name with .html). One that is there is "
                + "replaced.",
            valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("Where the timeline begins.", valueName: "0s"))
    var from: String?
    @Option(help: ArgumentHelp("Where the timeline ends.", valueName: "10s"))
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
