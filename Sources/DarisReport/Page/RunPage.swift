import DarisCore
import Foundation

/// A recorded run as one self-contained HTML page: its figures, a timeline, and why jobs missed their deadlines or were
/// rejected. `docs/report.md` explains it.
///
/// ```swift
/// let page = try RunPage(try RunRecordReader(path: "run.jsonl"), version: "0.1.0")
/// try Data(page.html.utf8).write(to: …)
/// ```
package struct RunPage: Sendable {
    /// The limit of stage runs, and of jobs, in the timeline of a page.
    package static let timelineLimit = 200_000

    /// The figures that the run itself reported; decisions and hand-overs are not in a record.
    package let summary: RunSummary
    let plan: RunPlan
    let configuration: SchedulerConfiguration
    let version: String
    let wasInterrupted: Bool
    /// A note on a record that ends before its last line; `nil` for a complete one.
    package let cutOff: String?
    let timeline: TimelineHistory
    let outcomes: OutcomeGroups
    let statistics: StageStatistics

    /// Reads a record to its end.
    ///
    /// - Parameters:
    ///   - version: The version of Daris that makes the page.
    ///   - from: The start of the timeline.
    ///   - to: The end of the timeline, if the run is longer.
    ///   - limit: The limit of stage runs and jobs in the timeline; figures and explanations cover the whole run.
    /// - Throws: `RecordError` with the file and the invalid line.
    package init(
        _ reader: consuming RunRecordReader, version: String, from: Nanoseconds = .zero,
        to: Nanoseconds = .distantFuture, limit: Int = timelineLimit
    ) throws(RecordError) {
        let configuration = try reader.describedConfiguration()
        var history = History(
            timeline: TimelineHistory(configuration, from: from, to: to, limit: limit),
            outcomes: OutcomeGroups(configuration), statistics: StageStatistics(configuration))
        let run = try reader.walk(&history)
        summary = run.summary
        wasInterrupted = run.wasInterrupted
        cutOff = run.cutOff
        var plan = reader.plan
        for (index, task) in configuration.tasks.enumerated() { plan.tasks[index].name = task.name }
        self.plan = plan
        self.configuration = configuration
        self.version = version
        timeline = history.timeline
        outcomes = history.outcomes
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

    /// The text of a file that is part of the page.
    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    var columns: Columns {
        timeline.columns(
            lanes: configuration.partition.laneCount, tasks: configuration.tasks)
    }

    /// The figures for programs: those of `--json`, for the whole run and by priority.
    private var figures: RunSummary {
        var figures = summary
        figures.tasks = []
        return figures
    }

    /// A value as JSON within a page: no text in it can end the script element.
    static func embedded(_ value: some Encodable) -> String {
        let encoder = ReportKeys.encoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let data = (try? encoder.encode(value)) ?? Data()
        return String(decoding: data, as: UTF8.self).replacing("<", with: "\\u003c")
    }

    /// A text within a page; characters that could deceive the reader are replaced.
    static func escaped(_ text: String) -> String {
        text.printable.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
    }
}

/// The data of a run that a page needs.
private struct History: RunFollower {
    var timeline: TimelineHistory
    var outcomes: OutcomeGroups
    var statistics: StageStatistics

    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler) {
        timeline.follow(step, scheduler)
        outcomes.follow(step, scheduler)
        statistics.follow(step, scheduler)
    }

    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler) {
        timeline.finish(at: end, running: running, scheduler)
        outcomes.finish(at: end, running: running, scheduler)
        statistics.finish(at: end, running: running, scheduler)
    }
}
