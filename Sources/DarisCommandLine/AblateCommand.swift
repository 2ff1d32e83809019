import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisReport
import DarisSimulator
import Foundation

/// `daris ablate TASKSET`.
struct AblateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ablate",
        abstract: "Switch the scheduler's rules off one at a time, by simulation.",
        discussion: """
            Shows the effect of each rule for a task set on a simulated device: no staging, express lanes (or none, if the \
            task set has them), no level of last stages, no level of late ones, no priorities (EDF alone), the longest \
            execution time ever (WCET) instead of the longest recent one (MRET), other windows, no migration, no admission \
            test; with batching also none, and each of its rules switched off; without batching and express lanes the rules of the \
            published implementation, together and each alone.

            Example: daris ablate examples/paper-resnet18.yaml --output out
            """)

    @Argument(help: "A YAML file with models and tasks.")
    var taskset: String
    @OptionGroup(title: "Overrides of the file")
    var options: TaskSetOptions
    @Option(help: ArgumentHelp("Runs with different seeds, combined.", valueName: "n"))
    var runs = 3
    @Option(help: ArgumentHelp("Write ablations.md and ablations.svg into this folder.", valueName: "folder"))
    var output: String?
    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func validate() throws {
        guard (1...99).contains(runs) else { throw ValidationError("--runs must be from 1 to 99, not \(runs)") }
    }

    func run() throws {
        let taskSet = try options.taskSet(taskset)
        let problem: PlanningProblem
        let gpu: GPUModel
        do {
            gpu = try TaskSetSimulation.device(of: taskSet)
            problem = PlanningProblem(
                gpu: gpu, options: taskSet.scheduler,
                constraints: PlanningConstraints(memoryMiB: gpu.memoryMiB), seed: taskSet.run.seed,
                tasks: try PlanningProblem.tasks(of: taskSet, on: gpu))
        } catch { throw Failure.usage(error) }
        let candidate = Candidate(
            kind: taskSet.partitionKind ?? .standard(contexts: taskSet.partition.contexts),
            partition: taskSet.partition)
        Terminal.step("simulating \(Ablation.all(for: taskSet.scheduler).count) variants, \(runs) runs each")
        let rows = Ablation.run(problem, candidate: candidate, duration: taskSet.run.duration, runs: runs)
        Terminal.endProgress()
        let report = AblationReport(title: "\(candidate.label) on \(gpu.title)", rows: rows)
        if let output { try report.write(into: output) }
        try Terminal.print(json ? try report.json() : report.text(styling: Terminal.styling))
    }
}

/// The report on ablations.
struct AblationReport {
    let title: String
    let rows: [Ablation.Row]

    private static let header = [
        "JPS", "JPS %", "HP DMR %", "LP DMR %", "acceptance %", "HP mean ms", "LP mean ms",
    ]

    private func cells(of row: Ablation.Row) -> [String] {
        let base = rows.first?.figures.jps ?? row.figures.jps
        let figures = row.figures
        return [
            row.name, Figure.rate(figures.jps), Figure.fixed((figures.jps / base - 1) * 100, decimals: 1),
            Figure.percent(figures.hpDMR), Figure.percent(figures.lpDMR), Figure.percent(figures.acceptance),
            Figure.milliseconds(figures.hpResponseMs), Figure.milliseconds(figures.lpResponseMs),
        ]
    }

    func text(styling: Styling) -> String {
        var table = TextTable([.text("variant")] + Self.header.map { .number($0) })
        for row in rows { table.append(cells(of: row)) }
        return "Ablations (simulated): \(title)\n\n" + table.text(styling: styling)
    }

    var markdown: String {
        let table = ReproductionReport.markdownTable(["variant"] + Self.header, rows.map(cells))
        return (["# Ablations, simulated", "", title, ""] + table + ["", "![Ablations](ablations.svg)"])
            .joined(separator: "\n") + "\n"
    }

    func json() throws -> String {
        struct Row: Encodable {
            var variant: String
            var figures: CandidateFigures
        }
        let rows = rows.map { Row(variant: $0.name, figures: $0.figures) }
        return try Terminal.json(["ablations": rows])
    }

    func write(into folder: String) throws {
        try OutputFolder.write(Data(markdown.utf8), to: "\(folder)/ablations.md")
        try OutputFolder.write(Data(chart.svg().utf8), to: "\(folder)/ablations.svg")
    }

    private var chart: BarChart {
        BarChart(
            title: "What each rule is worth", subtitle: "\(title), simulated", categories: rows.map(\.name),
            panels: [
                .init(title: "Throughput", unit: "JPS", groups: [.init(values: rows.map(\.figures.jps))], decimals: 0),
                .init(title: "HP DMR", unit: "%", groups: [.init(values: rows.map { $0.figures.hpDMR * 100 })]),
                .init(title: "LP DMR", unit: "%", groups: [.init(values: rows.map { $0.figures.lpDMR * 100 })]),
                .init(title: "HP response", unit: "ms", groups: [.init(values: rows.map(\.figures.hpResponseMs))]),
            ], baseline: 0)
    }
}
