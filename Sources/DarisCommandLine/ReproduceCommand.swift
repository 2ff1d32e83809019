import ArgumentParser
import DarisReport
import DarisSimulator
import Foundation

/// `daris reproduce`.
struct ReproduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reproduce",
        abstract: "Run the paper's published configurations in the simulator and compare.",
        discussion: """
            Every configuration that the authors of the paper measured on an RTX 2080 Ti (157 of three task sets) is \
            simulated and compared with the published figures: completed jobs a second (JPS), deadline miss rates (DMR) of \
            high- and low-priority jobs, acceptance. Published figures are medians over runs; simulated ones are medians \
            over --seeds runs.

            With --cross-validate no row is judged by parameters fitted to it: the rows are split into folds, and each fold \
            is predicted by a fit to the others. That takes minutes a fold.

            With --compare: GSLICE, batching (paper: one batch at a time, at most 10 jobs, one lane), batching (strict: the \
            best of any size and number of lanes) and DARIS on the paper's four task sets, on a large card with as many tasks \
            as fill it. With --ablations: the published \
            ablations of ResNet18 beside simulated ones, by the paper's rules and by those of the published implementation, and \
            what jobs that take long and the spread of execution times do.

            With --measured and the folder of a check of a card (daris gpu-check) every run of the scheduler there is simulated \
            and compared, as it was on the card: the same stages, and none of the rules of batching that came after it.

            Examples:
              daris reproduce --output out
              daris reproduce --compare
              daris reproduce --measured results/h200-2026-11-26-2 --device h200
            """)

    @Option(
        help: ArgumentHelp(
            "The device to simulate: a name or a device file; rtx2080ti, or h200 with --measured, if left out.",
            valueName: "name"))
    var device: String?
    @Option(help: ArgumentHelp("Compare the runs of a check of a card with their simulation.", valueName: "folder"))
    var measured: String?
    @Option(help: ArgumentHelp("Runs whose medians are taken.", valueName: "n"))
    var seeds = 3
    @Option(help: ArgumentHelp("Write reproduction.md and plots (SVG) into this folder.", valueName: "folder"))
    var output: String?
    @Option(help: ArgumentHelp("Fit and predict in this many folds, 2 to 10.", valueName: "folds"))
    var crossValidate: Int?
    @Option(help: ArgumentHelp("Trials of each fit of --cross-validate.", valueName: "n"))
    var trials = 400
    @Option(help: ArgumentHelp("Keep the fitted devices of --cross-validate in this folder.", valueName: "folder"))
    var keepFits: String?
    @Option(
        help: ArgumentHelp(
            "Take the fits of --cross-validate from this folder instead of making them.", valueName: "folder"))
    var useFits: String?
    @Flag(help: "Compare GSLICE, both definitions of batching, and DARIS, on the paper's four task sets, instead.")
    var compare = false
    @Flag(help: "Show the published ablations of ResNet18 beside simulated ones, instead.")
    var ablations = false
    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    func validate() throws {
        guard [compare, ablations, crossValidate != nil, measured != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError(
                "only one of --compare, --ablations, --measured and --cross-validate can be given")
        }
        guard (1...99).contains(seeds) else { throw ValidationError("--seeds must be from 1 to 99, not \(seeds)") }
        guard (1...100_000).contains(trials) else {
            throw ValidationError("--trials must be from 1 to 100000, not \(trials)")
        }
        if let crossValidate, !(2...10).contains(crossValidate) {
            throw ValidationError("--cross-validate must be from 2 to 10 folds, not \(crossValidate)")
        }
        guard measured == nil || crossValidate == nil && output == nil else {
            throw ValidationError("--measured goes with neither --cross-validate nor --output")
        }
        guard crossValidate != nil || (useFits == nil && keepFits == nil) else {
            throw ValidationError("--use-fits and --keep-fits go with --cross-validate")
        }
    }

    func run() throws {
        if let measured {
            let check: MeasuredCheck
            do { check = try MeasuredCheck.read(folder: measured) } catch {
                throw Failure.usage("--measured: \(error)")
            }
            let gpu = try GPUCatalogue.named(device ?? "h200")
            Terminal.step("simulating \(check.runs.count) runs, \(seeds) times each")
            let report = MeasuredReport(rows: try check.reproduced(on: gpu, seeds: seeds), title: gpu.source)
            Terminal.endProgress()
            return try Terminal.print(json ? try Terminal.json(report) : report.text(styling: Terminal.styling))
        }
        if compare || ablations { return try printComparison() }
        let rows: [Reproduction.Row]
        let title: String
        if let folds = crossValidate {
            rows = try predicted(folds: folds)
            title = "each row predicted by a fit to the other \(folds - 1) of \(folds) folds"
        } else {
            let gpu = try GPUCatalogue.named(device ?? "rtx2080ti")
            Terminal.step("simulating \(PublishedTable.rtx2080ti.rows.count) configurations, \(seeds) runs each")
            rows = Reproduction.all(on: gpu, seeds: seeds)
            Terminal.endProgress()
            title = gpu.source
        }
        let report = ReproductionReport(rows: rows, title: title)
        if let output { try report.write(into: output) }
        try Terminal.print(json ? try report.json() : report.text(styling: Terminal.styling))
    }

    /// Prints `--compare` or `--ablations`.
    private func printComparison() throws {
        let device = device ?? "rtx2080ti"
        let gpu = try GPUCatalogue.named(device)
        Terminal.step("simulating on \(gpu.title), \(seeds) runs each")
        defer { Terminal.endProgress() }
        if compare {
            let entries = try Comparison.paperTaskSets(on: gpu, named: device)
            let report = ComparisonReport(rows: try Comparison.rows(entries, seeds: seeds))
            if let output { try OutputFolder.write(Data(report.markdown.utf8), to: "\(output)/comparison.md") }
            try Terminal.print(
                json ? try Terminal.json(["comparison": report.rows]) : report.text(styling: Terminal.styling))
        } else {
            let report = PublishedAblationReport(on: gpu, seeds: seeds)
            if let output { try OutputFolder.write(Data(report.markdown.utf8), to: "\(output)/ablations.md") }
            try Terminal.print(
                json ? try Terminal.json(["ablations": report.rows]) : report.text(styling: Terminal.styling))
        }
    }

    private func predicted(folds: Int) throws -> [Reproduction.Row] {
        let validation = CrossValidation(folds: folds, trials: trials)
        var rows: [Reproduction.Row] = []
        for fold in 0..<folds {
            if let useFits {
                Terminal.step("predicting fold \(fold + 1) of \(folds)")
                let gpu = try GPUCatalogue.named("\(useFits)/fold-\(fold + 1).json")
                rows += CrossValidation.heldOut(fold: fold, of: folds, on: gpu, seeds: seeds)
                continue
            }
            let result = validation.run(fold: fold, seeds: seeds) { progress in
                Terminal.progress(
                    "fold \(fold + 1) of \(folds): trial \(progress.trial) of \(progress.trials), loss "
                        + Figure.fixed(progress.loss, decimals: 4))
            }
            Terminal.endProgress()
            rows += result.heldOut
            if let keepFits {
                try OutputFolder.write(GPUCatalogue.encoded(result.gpu), to: "\(keepFits)/fold-\(fold + 1).json")
            }
        }
        let order = PublishedTable.rtx2080ti.rows
        return rows.sorted { order.firstIndex(of: $0.published)! < order.firstIndex(of: $1.published)! }
    }
}

extension GPUCatalogue {
    /// A device by name or file. An unknown device is wrong usage.
    static func named(_ name: String) throws(Failure) -> GPUModel {
        do { return try device(name) } catch { throw Failure.usage("--device: \(error)") }
    }
}

/// Published and simulated rows, as text, Markdown, JSON and plots.
struct ReproductionReport {
    let rows: [Reproduction.Row]
    /// The source of the simulated figures.
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
