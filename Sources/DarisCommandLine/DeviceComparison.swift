import DarisReport
import DarisSimulator

/// The best plans of several cards for one task set, side by side.
struct DeviceComparison {
    /// A card with its best plan.
    struct Row {
        var name: String
        var gpu: GPUModel
        var constraints: PlanningConstraints
        /// The best plan, or the nearest to one that keeps the limits; `nil` if none could be simulated.
        var figures: CandidateFigures?
        var pricePerHour: Double?

        /// Whether the plan keeps the limits.
        var holds: Bool { figures?.isFeasible(constraints) ?? false }
        var share: Double? { figures?.share(of: gpu) }
        var priceOfMillion: Double? { pricePerHour.flatMap { figures?.price(ofMillionOn: gpu, perHour: $0) } }
    }

    let rows: [Row]
    let objective: String

    func text(styling: Styling) -> String {
        var table = TextTable(
            [
                .text("card"), .text("figures"), .text("keeps limits"), .text("plan"), .number("JPS"),
                .number("acceptance %"), .number("HP mean ms"), .number("share of card %"), .number("J an inference"),
                .number("price of a million"),
            ])
        for row in rows {
            func cell(_ value: Double?, _ text: (Double) -> String) -> String { value.map(text) ?? Figure.none }
            table.append([
                row.name, row.gpu.isMeasured ? "measured card" : "prediction", row.holds ? "yes" : "no",
                row.figures?.candidate.label ?? Figure.none, cell(row.figures?.jps) { Figure.rate($0) },
                cell(row.figures?.acceptance) { Figure.percent($0) },
                cell(row.figures?.hpResponseMs) { Figure.milliseconds($0) }, cell(row.share) { Figure.percent($0) },
                cell(row.figures?.joulesPerInference) {
                    (row.gpu.power?.isMeasured == false ? "~" : "") + Figure.fixed($0, decimals: 3)
                },
                cell(row.priceOfMillion) { Figure.fixed($0, decimals: 3) },
            ])
        }
        return "Plans (simulated) for \(objective), one for each card\n\n" + table.text(styling: styling)
            + "\n\nThe share is that of the card's work or memory, whichever is more; the price counts that share alone. "
            + "~ is a prediction from the board's power limit."
    }

    func json() throws -> String {
        struct Entry: Encodable {
            var name: String
            var device: String
            var isMeasured: Bool
            var holds: Bool
            var best: CandidateFigures?
            var share: Double?
            var priceOfMillion: Double?
        }
        struct Report: Encodable {
            var simulated = true
            var objective: String
            var devices: [Entry]
        }
        return try Terminal.json(
            Report(
                objective: objective,
                devices: rows.map { row in
                    Entry(
                        name: row.name, device: row.gpu.title, isMeasured: row.gpu.isMeasured, holds: row.holds,
                        best: row.figures, share: row.share, priceOfMillion: row.priceOfMillion)
                }))
    }
}
