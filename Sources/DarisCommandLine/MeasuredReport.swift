import DarisReport
import DarisSimulator

/// Runs of a check of a card beside their simulation.
struct MeasuredReport: Encodable {
    let rows: [MeasuredCheck.Reproduced]
    /// The source of the simulated figures.
    let title: String

    func text(styling: Styling) -> String {
        var table = TextTable(
            [
                .text("task set"), .text("configuration"), .number("JPS measured"), .number("sim."), .number("error %"),
                .number("HP ms"), .number("sim."), .number("error %"), .number("HP DMR %"), .number("sim."),
                .number("LP DMR %"), .number("sim."), .number("acceptance %"), .number("sim."),
            ])
        for row in rows { table.append(cells(of: row)) }
        var summary = TextTable(
            [
                .text("rows"), .number("number"), .number("median JPS error %"), .number("largest %"),
                .number("median HP response error %"), .text("LP misses: low, some or many"),
            ])
        let kinds: [(String, (MeasuredCheck.Reproduced) -> Bool)] = [
            ("with batches", { !$0.isMPS && $0.largestBatch > 1 }), ("without", { !$0.isMPS && $0.largestBatch == 1 }),
            ("MPS", \.isMPS),
        ]
        for (name, holds) in kinds {
            let own = rows.filter(holds)
            guard !own.isEmpty else { continue }
            let errors = own.map { abs($0.jpsError) * 100 }
            summary.append([
                name, "\(own.count)", Figure.fixed(median(errors), decimals: 1),
                Figure.fixed(errors.max() ?? 0, decimals: 1),
                Figure.fixed(median(own.compactMap { $0.hpResponseError.map { abs($0) * 100 } }), decimals: 1),
                "right in \(own.count { $0.missesAgree }) of \(own.count)",
            ])
        }
        return table.text(styling: styling) + "\n\n" + summary.text(styling: styling)
            + "\n\nSimulated: \(title). LP misses are low below 2 %, many above 20 %."
    }

    private func cells(of row: MeasuredCheck.Reproduced) -> [String] {
        func ms(_ value: Double?) -> String { value.map { Figure.milliseconds($0) } ?? Figure.none }
        func percent(_ value: Double?) -> String { value.map { Figure.percent($0) } ?? Figure.none }
        let (measured, simulated) = (row.measured, row.simulated)
        return [
            row.taskSet, row.configuration, Figure.rate(measured.jps), Figure.rate(simulated.jps),
            Figure.fixed(row.jpsError * 100, decimals: 1), ms(measured.hpResponseMs), ms(simulated.hpResponseMs),
            row.hpResponseError.map { Figure.fixed($0 * 100, decimals: 1) } ?? Figure.none, percent(measured.hpDMR),
            percent(simulated.hpDMR), percent(measured.lpDMR), percent(simulated.lpDMR), percent(measured.acceptance),
            percent(simulated.acceptance),
        ]
    }
}
