import DarisReport

/// The report of a check: Markdown with plots, and a table for the terminal.
package struct CheckReport: Sendable {
    let results: CheckResults

    /// A report of the results so far.
    package init(_ results: CheckResults) { self.results = results }

    /// The heading of a rehearsal's results.
    static let rehearsal =
        "Rehearsal on a CPU: every figure below was measured on a CPU, to try the steps out. None is about a GPU."

    /// `1.0e-03`: a small number in powers of ten.
    static func scientific(_ value: Double) -> String {
        guard value > 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
        var (mantissa, exponent) = (value, 0)
        while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        return "\(Figure.fixed(mantissa, decimals: 1))e\(exponent)"
    }

    // MARK: - Terminal

    /// The table of runs and the verdicts.
    package func text(styling: Styling) -> String {
        var sections = ["\(results.deviceName), \(results.started)"]
        if results.isRehearsal { sections.append(Self.rehearsal) }
        let rows = results.largeBatches + results.asBefore + results.taskSets + results.unbatched + results.sweep
        if !rows.isEmpty {
            var table = TextTable(
                [.text("task set"), .text("configuration")] + Self.rowHeader.map { .number($0) }, limit: 130)
            for row in rows { table.append([row.taskSet, row.configuration.label] + Self.cells(of: row)) }
            sections.append(table.text(styling: styling))
            var names: [String] = []
            for row in rows { if let name = row.baseline, !names.contains(name) { names.append(name) } }
            sections.append(
                "÷ baseline: \(names.joined(separator: ", or ")), as results.md says of each row; "
                    + "÷ paper's: \(BatchingDefinition.paper.rawValue)")
        }
        var steps = TextTable([.text("step"), .text("state"), .number("s"), .text("remark")], limit: 130)
        for record in results.steps {
            steps.append([
                record.step.title, record.state.rawValue, Figure.fixed(record.seconds, decimals: 1),
                record.problems.first.map { $0 + Self.more(record.problems.count - 1) } ?? "",
            ])
        }
        sections.append(steps.text(styling: styling))
        if let predictions = results.predictions {
            let words = [PredictionRecord.Verdict.confirmed, .refuted, .undecided, .notMeasured].map { verdict in
                "\(predictions.count { $0.verdict == verdict }) \(verdict.rawValue)"
            }
            sections.append("Predictions: " + words.joined(separator: ", "))
        }
        sections.append(
            results.verdicts.map { "\($0.state.rawValue): \($0.claim) (\($0.figure))" }.joined(separator: "\n"))
        return sections.joined(separator: "\n\n")
    }

    private static func more(_ count: Int) -> String { count > 0 ? " (and \(count) more)" : "" }

    static let rowHeader = [
        "JPS", "÷ baseline", "÷ paper's", "HP DMR %", "LP DMR %", "accept. %", "HP ms", "LP ms", "HP/LP", "J",
        "dispatch µs", "batch",
    ]

    static func cells(of row: CheckRow) -> [String] {
        [
            Figure.rate(row.jps), row.bestBatching > 0 ? Figure.fixed(row.ratio, decimals: 3) : Figure.none,
            row.paperRatio.map { Figure.fixed($0, decimals: 3) } ?? Figure.none,
            Figure.percent(row.hpDMR), row.lpDMR.map(Figure.percent) ?? Figure.none, Figure.percent(row.acceptance),
            row.hpResponseMs.map(Figure.milliseconds) ?? Figure.none,
            row.lpResponseMs.map(Figure.milliseconds) ?? Figure.none,
            row.responseRatio.map { Figure.fixed($0, decimals: 2) } ?? Figure.none,
            row.joules.map { Figure.fixed($0, decimals: 3) } ?? Figure.none,
            row.dispatchMicroseconds.map { Figure.fixed($0, decimals: 2) } ?? Figure.none,
            row.meanBatch.map { Figure.fixed($0, decimals: 1) } ?? Figure.none,
        ]
    }
}

extension CheckReport {
    /// The plots of the results so far: file name and SVG document.
    package var pictures: [(name: String, svg: String)] {
        var pictures: [(String, String)] = []
        if !results.batching.isEmpty { pictures.append(("batching.svg", batchingCurve.svg())) }
        if !results.sweep.isEmpty {
            pictures.append(("partitions.svg", bars("Throughput by partition", results.sweep, names: false).svg()))
        }
        if !results.taskSets.isEmpty {
            pictures.append(("task-sets.svg", bars("The paper's task sets", results.taskSets, names: true).svg()))
        }
        return pictures
    }

    private var subtitle: String { results.deviceName + (results.isRehearsal ? ", rehearsal on a CPU" : "") }

    /// The throughput by batch size, relative to each network's best, since networks differ much.
    private var batchingCurve: ScatterChart {
        let best = results.best(.strict)
        let series = results.networks.compactMap { network -> ScatterChart.Series? in
            let records = results.batching.filter { $0.network == network && $0.stages == 1 }
            guard let most = best[network]?.jps, most > 0 else { return nil }
            let points = Set(records.map(\.batch)).sorted().map { batch in
                let jps = records.filter { $0.batch == batch }.map(\.jps).max() ?? 0
                return ScatterChart.Point(x: Double(batch), y: jps / most * 100, label: Figure.rate(jps))
            }
            return .init(name: network, points: points, isConnected: true)
        }
        return ScatterChart(
            title: "Batching alone", subtitle: subtitle + "; whole networks; at the points: inferences a second",
            xTitle: "batch size",
            yTitle: "share of the best throughput, %", series: series, xRange: 0...136, yRange: 0...110)
    }

    private func bars(_ title: String, _ rows: [CheckRow], names: Bool) -> BarChart {
        BarChart(
            title: title, subtitle: subtitle,
            categories: rows.map { (names ? $0.taskSet + ", " : "") + $0.configuration.label },
            panels: [
                .init(title: "Throughput", unit: "JPS", groups: [.init(values: rows.map(\.jps))], decimals: 0),
                .init(
                    title: "of the baseline", unit: "×",
                    groups: [.init(values: rows.map { $0.bestBatching > 0 ? $0.ratio : nil })], decimals: 2),
                .init(title: "HP DMR", unit: "%", groups: [.init(values: rows.map { $0.hpDMR * 100 })]),
                .init(title: "LP DMR", unit: "%", groups: [.init(values: rows.map { $0.lpDMR.map { $0 * 100 } })]),
            ])
    }
}
