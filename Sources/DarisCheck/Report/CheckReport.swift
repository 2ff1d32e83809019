import DarisReport

/// The results of a check for people: Markdown with plots, and the table on the terminal.
package struct CheckReport: Sendable {
    let results: CheckResults

    /// A report of what there is so far.
    package init(_ results: CheckResults) { self.results = results }

    /// What stands over all results of a rehearsal.
    static let rehearsal =
        "Rehearsal on a CPU: every figure below was measured on a CPU, to try the steps out. None says anything of a GPU."

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
        let rows = results.sweep + results.taskSets
        if !rows.isEmpty {
            var table = TextTable(
                [.text("task set"), .text("configuration")] + Self.rowHeader.map { .number($0) }, limit: 130)
            for row in rows { table.append([row.taskSet, row.configuration.label] + Self.cells(of: row)) }
            sections.append(table.text(styling: styling))
        }
        var steps = TextTable([.text("step"), .text("state"), .number("s"), .text("remark")], limit: 130)
        for record in results.steps {
            steps.append([
                record.step.title, record.state.rawValue, Figure.fixed(record.seconds, decimals: 1),
                record.problems.first.map { $0 + Self.more(record.problems.count - 1) } ?? "",
            ])
        }
        sections.append(steps.text(styling: styling))
        sections.append(
            results.verdicts.map { "\($0.state.rawValue): \($0.claim) (\($0.figure))" }.joined(separator: "\n"))
        return sections.joined(separator: "\n\n")
    }

    private static func more(_ count: Int) -> String { count > 0 ? " (and \(count) more)" : "" }

    static let rowHeader = [
        "JPS", "÷ batching", "HP DMR %", "LP DMR %", "accept. %", "HP ms", "LP ms", "HP/LP", "J", "dispatch µs",
    ]

    static func cells(of row: CheckRow) -> [String] {
        [
            Figure.rate(row.jps), row.bestBatching > 0 ? Figure.fixed(row.ratio, decimals: 3) : Figure.none,
            Figure.percent(row.hpDMR), row.lpDMR.map(Figure.percent) ?? Figure.none, Figure.percent(row.acceptance),
            row.hpResponseMs.map(Figure.milliseconds) ?? Figure.none,
            row.lpResponseMs.map(Figure.milliseconds) ?? Figure.none,
            row.responseRatio.map { Figure.fixed($0, decimals: 2) } ?? Figure.none,
            row.joules.map { Figure.fixed($0, decimals: 3) } ?? Figure.none,
            row.dispatchMicroseconds.map { Figure.fixed($0, decimals: 2) } ?? Figure.none,
        ]
    }
}
