import DarisCore
import Foundation

/// A recorded run as one HTML page that needs nothing else: its figures, a timeline, and why jobs missed their deadlines
/// or were rejected. `docs/report.md` explains it.
///
/// ```swift
/// let page = try RunPage(try RunRecordReader(path: "run.jsonl"), version: "0.1.0")
/// try Data(page.html.utf8).write(to: …)
/// ```
package struct RunPage: Sendable {
    /// The most stage runs, and the most jobs, that the timeline of a page shows.
    package static let timelineLimit = 200_000

    /// The figures, as the run itself reported them; decisions and hand-overs are not in a record.
    package let summary: RunSummary
    let plan: RunPlan
    let configuration: SchedulerConfiguration
    let version: String
    let wasInterrupted: Bool
    /// What is to be said of a record that stops before its last line; `nil` if it does not.
    package let cutOff: String?
    let timeline: TimelineHistory
    let ledger: FateLedger
    let statistics: StageStatistics

    /// Reads a record to its end.
    ///
    /// - Parameters:
    ///   - version: the version of Daris that makes the page.
    ///   - from: where the timeline begins.
    ///   - to: where it ends, if the run goes on for longer.
    ///   - limit: the most stage runs and jobs of the timeline; figures and explanations are of the whole run.
    /// - Throws: `RecordError` with the file and line that are wrong.
    package init(
        _ reader: consuming RunRecordReader, version: String, from: Nanoseconds = .zero,
        to: Nanoseconds = .distantFuture, limit: Int = timelineLimit
    ) throws(RecordError) {
        var history = History(
            timeline: TimelineHistory(reader.configuration, from: from, to: to, limit: limit),
            ledger: FateLedger(reader.configuration), statistics: StageStatistics(reader.configuration))
        let run = try reader.walk(&history)
        summary = run.summary
        wasInterrupted = run.wasInterrupted
        cutOff = run.cutOff
        plan = reader.plan
        configuration = reader.configuration
        self.version = version
        timeline = history.timeline
        ledger = history.ledger
        statistics = history.statistics
    }

    /// The page.
    package var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="generator" content="daris \(Self.escaped(version))">
        <title>\(Self.escaped(title)) · Daris</title>
        <style>
        \(Self.text(PackageResources.page_css))
        </style>
        </head>
        <body>
        <header>
        \(header)
        </header>
        <main>
        \(timelineSection)
        \(fateSection)
        \(responseSection)
        \(executionSection)
        \(tableSection)
        </main>
        <footer>Made by daris \(Self.escaped(version)) from the record of the run alone.
        Nothing is loaded from anywhere.</footer>
        <script type="application/json" id="figures">\(Self.embedded(figures))</script>
        <script type="application/json" id="facts">\(Self.embedded(PageFacts(self)))</script>
        <script type="text/plain" id="columns">\(columns.text)</script>
        <script>
        "use strict";
        \(Self.text(PackageResources.data_js))
        \(Self.text(PackageResources.timeline_js))
        \(Self.text(PackageResources.gestures_js))
        \(Self.text(PackageResources.charts_js))
        \(Self.text(PackageResources.start_js))
        </script>
        </body>
        </html>

        """
    }

    /// A file that the page takes in.
    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    var columns: Columns {
        timeline.columns(
            streams: configuration.partition.streams, lanes: configuration.partition.lanes, tasks: configuration.tasks)
    }

    /// The figures at the top for programs: those of `--json`, of the whole run and by priority.
    private var figures: RunSummary {
        var figures = summary
        figures.tasks = []
        return figures
    }

    /// A value as JSON that may stand in a page: no text in it can end the script element.
    static func embedded(_ value: some Encodable) -> String {
        let encoder = ReportKeys.encoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let data = (try? encoder.encode(value)) ?? Data()
        return String(decoding: data, as: UTF8.self).replacing("<", with: "\\u003c")
    }

    /// A text as it may stand in a page; characters that could deceive the reader are replaced.
    static func escaped(_ text: String) -> String {
        text.printable.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
    }
}

/// All that a page keeps of a run.
private struct History: RunFollower {
    var timeline: TimelineHistory
    var ledger: FateLedger
    var statistics: StageStatistics

    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler) {
        timeline.follow(step, scheduler)
        ledger.follow(step, scheduler)
        statistics.follow(step, scheduler)
    }

    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler) {
        timeline.finish(at: end, running: running, scheduler)
        ledger.finish(at: end, running: running, scheduler)
        statistics.finish(at: end, running: running, scheduler)
    }
}
