import DarisReport
import DarisSimulator

/// What `daris reproduce --compare` prints: GSLICE, both definitions of batching, and DARIS.
struct ComparisonReport {
    let rows: [Comparison.Row]

    private static let header = [
        "setting", "JPS", "to GSLICE %", "HP DMR %", "LP DMR %", "acceptance %", "HP mean ms", "LP mean ms",
    ]

    private func cells(of row: Comparison.Row) -> [String] {
        let base = rows.first { $0.taskSet == row.taskSet && $0.device == row.device && $0.policy == GSLICE.name }
        return [
            "\(row.taskSet), \(row.device): \(row.policy)", row.setting, Figure.rate(row.jps),
            base.map { Figure.fixed((row.jps / $0.jps - 1) * 100, decimals: 1) } ?? Figure.none,
            Figure.percent(row.hpDMR), Figure.percent(row.lpDMR), Figure.percent(row.acceptance),
            Figure.milliseconds(row.hpResponseMs), Figure.milliseconds(row.lpResponseMs),
        ]
    }

    private static let notes =
        "batching (paper): one batch at a time, of at most 10 jobs, on one lane. batching (strict): the best of any size and "
        + "number of lanes. Baselines admit every job and know no priorities. The paper: DARIS 11.5 % over GSLICE, 15 % over "
        + "batching (paper), on an RTX 2080 Ti."

    func text(styling: Styling) -> String {
        var table = TextTable([.text("policy"), .text("setting")] + Self.header.dropFirst().map { .number($0) })
        for row in rows { table.append(cells(of: row)) }
        return "Comparison (simulated)\n\n" + table.text(styling: styling) + "\n\n" + Self.notes
    }

    var markdown: String {
        (["# DARIS and what it is compared with, simulated", "", Self.notes, ""]
            + Self.table(["policy"] + Self.header, rows.map(cells))).joined(separator: "\n") + "\n"
    }

    static func table(_ header: [String], _ rows: [[String]]) -> [String] {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
        return [line(header), "|---|" + String(repeating: "---:|", count: header.count - 1)] + rows.map(line)
    }
}

/// What `daris reproduce --ablations` prints: published ablations of ResNet18 beside simulated ones.
struct PublishedAblationReport {
    /// An ablation as published, and by both sets of rules.
    struct Row: Encodable {
        var name: String
        var summary: PublishedAblation.Figures
        var jobs: PublishedAblation.Figures?
        var paper: PublishedAblation.Figures
        var published: PublishedAblation.Figures
    }

    let rows: [Row]
    let noise: [NoiseRow]
    let tails: [TailRow]

    /// Simulates all.
    init(on gpu: GPUModel, seeds: Int) {
        rows = PublishedAblation.all.map { ablation in
            Row(
                name: ablation.name, summary: ablation.summary, jobs: ablation.jobs,
                paper: ablation.simulated(on: gpu, rules: nil, seeds: seeds),
                published: ablation.simulated(on: gpu, rules: .all, seeds: seeds))
        }
        noise = NoiseRow.rows([gpu.sharing.noise, 0.06, 0.04, 0.02], on: gpu, seeds: seeds)
        tails = TailRow.rows(percents: [1, 2, 3, 4], factors: [4, 8, 10], on: gpu, seeds: seeds)
    }

    private static let header = ["JPS", "HP DMR %", "LP DMR %", "acceptance %", "HP mean ms", "LP mean ms"]

    private static func cells(_ name: String, _ figures: PublishedAblation.Figures) -> [String] {
        func time(_ value: Double?) -> String { value.map { Figure.fixed($0, decimals: 1) } ?? Figure.none }
        return [
            name, Figure.rate(figures.jps), Figure.fixed(figures.hpMissPercent, decimals: 2),
            Figure.fixed(figures.lpMissPercent, decimals: 2), Figure.fixed(figures.lpAcceptPercent, decimals: 1),
            time(figures.hpResponseMs), time(figures.lpResponseMs),
        ]
    }

    private var ablationCells: [[String]] {
        rows.flatMap { row in
            [Self.cells("\(row.name): published, summary", row.summary)]
                + (row.jobs.map { [Self.cells("\(row.name): published, jobs", $0)] } ?? [])
                + [
                    Self.cells("\(row.name): simulated, paper", row.paper),
                    Self.cells("\(row.name): simulated, rules: published", row.published),
                ]
        }
    }

    private var tailCells: [[String]] {
        PublishedAblation.noStagingRuns.enumerated().map { Self.cells("published, run \($0 + 1)", $1) }
            + tails.map {
                Self.cells("\(Figure.plain($0.percent)) % take \(Figure.plain($0.factor)) times as long", $0.figures)
            }
    }

    private var noiseCells: [[String]] {
        noise.flatMap { row in
            [
                Self.cells("6×1 OS 6, noise \(Figure.plain(row.noise))", row.wide),
                Self.cells("2×1 OS 1, noise \(Figure.plain(row.noise))", row.narrow),
            ]
        }
    }

    private static let intro = "ResNet18 on 6×1 OS 6: published ablations and simulated ones"
    private static let tailIntro = "No staging, rules: published, where a share of the jobs takes long"
    private static let noiseIntro =
        "The spread of execution times, rules: published, windows of the published runs: 5 and 3 (published: 1134 JPS, "
        + "LP DMR 0.1 % on 6×1 OS 6; 680 JPS, 6.1 % on 2×1 OS 1)"

    /// By section: what it shows, what its rows are, and these.
    private var sections: [(intro: String, name: String, rows: [[String]])] {
        [
            (Self.intro, "variant", ablationCells), (Self.tailIntro, "runs", tailCells),
            (Self.noiseIntro, "partition", noiseCells),
        ]
    }

    func text(styling: Styling) -> String {
        sections.flatMap { section in
            var table = TextTable([.text(section.name)] + Self.header.map { .number($0) })
            for row in section.rows { table.append(row) }
            return [section.intro, table.text(styling: styling)]
        }.joined(separator: "\n\n")
    }

    var markdown: String {
        let lines = sections.flatMap { section in
            ["", section.intro + ".", ""] + ComparisonReport.table([section.name] + Self.header, section.rows)
        }
        return (["# Published ablations in the simulator"] + lines).joined(separator: "\n") + "\n"
    }
}
