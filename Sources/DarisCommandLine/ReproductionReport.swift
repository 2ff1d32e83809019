import DarisReport
import DarisSimulator
import Foundation

/// Published rows beside simulated ones, as text, Markdown, JSON and plots.
struct ReproductionReport {
    let rows: [Reproduction.Row]
    /// Where the simulated figures come from.
    let title: String

    var summaries: [ReproductionSummary] {
        PaperTaskSet.allCases.map { taskSet in
            ReproductionSummary(rows.filter { $0.published.taskSet == taskSet.network }, of: taskSet)
        }
    }

    func text(styling: Styling) -> String {
        var sections: [String] = []
        for taskSet in PaperTaskSet.allCases {
            var table = TextTable(
                [
                    .text(taskSet.network), .number("JPS publ."), .number("sim."), .number("error %"),
                    .number("HP DMR %"), .number("sim."), .number("LP DMR %"), .number("sim."),
                    .number("acceptance %"), .number("sim."),
                ])
            for row in rows where row.published.taskSet == taskSet.network { table.append(cells(of: row, in: taskSet)) }
            sections.append(table.text(styling: styling))
        }
        var table = TextTable(
            [
                .text("task set"), .number("rows"), .number("median error % STR, MPS"), .number("MPS+STR"),
                .number("HP DMR kept at 0"), .number("rank correlation"),
            ])
        for summary in summaries { table.append(cells(of: summary)) }
        sections.append(table.text(styling: styling))
        sections.append(
            "Simulated: \(title). ? marks published rows whose figures do not add up for the task set.")
        return sections.joined(separator: "\n\n")
    }

    var markdown: String {
        var lines = [
            "# Published configurations in the simulator", "",
            "Simulated: \(title). Published: RTX 2080 Ti, medians over the authors' runs (arXiv 2504.08795, "
                + "github.com/AmirFB/DARIS). `?` marks rows whose published figures do not add up for the task set.",
            "",
        ]
        lines += Self.markdownTable(
            [
                "task set", "rows", "median JPS error, STR and MPS", "MPS+STR", "HP DMR kept at 0", "rank correlation",
            ], summaries.map { cells(of: $0) })
        for taskSet in PaperTaskSet.allCases {
            lines += ["", "## \(taskSet.network)", "", "![\(taskSet.network)](\(taskSet.network).svg)", ""]
            lines += Self.markdownTable(
                [
                    "configuration", "JPS", "simulated", "error %", "HP DMR %", "simulated", "LP DMR %", "simulated",
                    "acceptance %", "simulated",
                ],
                rows.filter { $0.published.taskSet == taskSet.network }.map { cells(of: $0, in: taskSet) })
        }
        return lines.joined(separator: "\n") + "\n"
    }

    func json() throws -> String {
        struct Report: Encodable {
            var source: String
            var summaries: [ReproductionSummary]
            var rows: [Reproduction.Row]
        }
        return try Terminal.json(Report(source: title, summaries: summaries, rows: rows))
    }

    func write(into folder: String) throws {
        try OutputFolder.write(Data(markdown.utf8), to: "\(folder)/reproduction.md")
        for taskSet in PaperTaskSet.allCases {
            try OutputFolder.write(Data(chart(of: taskSet).svg().utf8), to: "\(folder)/\(taskSet.network).svg")
        }
    }

    private func chart(of taskSet: PaperTaskSet) -> DotChart {
        DotChart(
            title: "\(taskSet.network): published and simulated throughput",
            subtitle: "RTX 2080 Ti, \(taskSet.highPriority) HP and \(taskSet.lowPriority) LP tasks at "
                + "\(Int(taskSet.rate)) Hz; contexts × streams, oversubscription",
            valueTitle: "completed jobs a second", series: ["published", "simulated"],
            rows: rows.filter { $0.published.taskSet == taskSet.network }.map { row in
                DotChart.Row(
                    name: row.published.label, values: [row.published.jps, row.jps],
                    note: (row.relativeError >= 0 ? "+" : "") + Figure.fixed(row.relativeError * 100, decimals: 1)
                        + " %")
            }, noteTitle: "difference")
    }

    private func cells(of row: Reproduction.Row, in taskSet: PaperTaskSet) -> [String] {
        func percent(_ value: Double?) -> String { value.map { Figure.fixed($0, decimals: 1) } ?? Figure.none }
        let published = row.published
        return [
            published.label + (published.isConsistent(with: taskSet) ? "" : " ?"), Figure.rate(published.jps),
            Figure.rate(row.jps), Figure.fixed(row.relativeError * 100, decimals: 1), percent(published.hpMissPercent),
            percent(row.hpMissPercent), percent(published.lpMissPercent), percent(row.lpMissPercent),
            percent(published.lpAcceptPercent), percent(row.lpAcceptPercent),
        ]
    }

    private func cells(of summary: ReproductionSummary) -> [String] {
        [
            summary.taskSet, "\(summary.rows)", Figure.fixed(summary.medianErrorSTRAndMPS * 100, decimals: 1),
            Figure.fixed(summary.medianErrorMixed * 100, decimals: 1),
            "\(summary.rowsWithoutHPMissesSimulated) of \(summary.rowsWithoutHPMisses)",
            Figure.fixed(summary.rankCorrelation, decimals: 3),
        ]
    }

    static func markdownTable(_ header: [String], _ rows: [[String]]) -> [String] {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        return [line(header), "|---|" + String(repeating: "---:|", count: header.count - 1)] + rows.map(line)
    }
}
