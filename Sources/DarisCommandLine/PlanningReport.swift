import DarisReport
import DarisSimulator
import Foundation

/// The planner's results, as text, JSON and a plot.
struct PlanningReport {
    /// A compared policy.
    struct Comparison: Encodable {
        var name: String
        var figures: CandidateFigures?
        var jps: Double?
    }

    var device: GPUModel
    var constraints: PlanningConstraints
    var finalists: [CandidateFigures]
    var all: [CandidateFigures]
    var best: CandidateFigures?
    var comparison: [Comparison] = []
    var headroom: Headroom?
    var objective = Planner.Objective.throughput
    var pricePerHour: Double?

    func text(styling: Styling) -> String {
        var sections = [
            "Plan (simulated) for \(device.title)\(device.isMeasured ? "" : ", a prediction"): "
                + "\(all.count) partitions simulated",
            Self.table(
                "best", finalists.map { ($0.candidate.label, $0, $0.jps) }, constraints: constraints, styling: styling),
        ]
        if !comparison.isEmpty {
            sections.append(
                Self.table(
                    "side by side", comparison.map { ($0.name, $0.figures, $0.jps ?? $0.figures?.jps ?? 0) },
                    constraints: constraints, styling: styling))
        }
        if let headroom, let best { sections.append(words(headroom, best).joined(separator: "\n")) }
        if let best {
            sections.append(
                "Use \(best.candidate.label): \(Figure.rate(best.jps)) inferences a second, HP DMR "
                    + "\(Figure.percent(best.hpDMR)) %, LP DMR \(Figure.percent(best.lpDMR)) %, "
                    + "\(Figure.percent(best.acceptance)) % of low-priority jobs accepted." + worth(of: best))
        }
        return sections.joined(separator: "\n\n")
    }

    /// " 0.034 J an inference; 31 % of the card: 0.05 for a million inferences."
    private func worth(of best: CandidateFigures) -> String {
        var words = " It takes \(Figure.percent(best.share(of: device))) % of the card"
        if let joules = best.joulesPerInference { words += ", \(Figure.fixed(joules, decimals: 3)) J an inference" }
        if let pricePerHour, let price = best.price(ofMillionOn: device, perHour: pricePerHour) {
            words +=
                ", \(Figure.fixed(price, decimals: 3)) for a million inferences at \(Figure.plain(pricePerHour)) an hour"
        }
        return words + (objective == .throughput ? "." : "; chosen for \(objective.rawValue).")
    }

    private static func table(
        _ title: String, _ rows: [(String, CandidateFigures?, Double)], constraints: PlanningConstraints,
        styling: Styling
    ) -> String {
        var table = TextTable(
            [
                .text(title), .number("JPS"), .number("HP DMR %"), .number("LP DMR %"), .number("acceptance %"),
                .number("HP mean ms"), .number("LP mean ms"), .number("GiB"), .text("keeps limits"),
            ])
        for (name, figures, jps) in rows {
            guard let figures else {
                table.append([name, Figure.rate(jps)] + Array(repeating: Figure.none, count: 7))
                continue
            }
            table.append([
                name, Figure.rate(jps), Figure.percent(figures.hpDMR), Figure.percent(figures.lpDMR),
                Figure.percent(figures.acceptance), Figure.milliseconds(figures.hpResponseMs),
                Figure.milliseconds(figures.lpResponseMs), Figure.fixed(figures.memoryMiB / 1024, decimals: 1),
                figures.isFeasible(constraints) ? "yes" : "no",
            ])
        }
        return table.text(styling: styling)
    }

    private func words(_ headroom: Headroom, _ best: CandidateFigures) -> [String] {
        var lines: [String] = []
        if headroom.isRateUnlimited {
            lines.append("All rates could be more than \(Figure.plain(Headroom.rateLimit)) times as high.")
        } else if let scale = headroom.rateScale {
            lines.append(
                "All rates could be \(Figure.fixed(scale, decimals: 2)) times as high before \(best.candidate.label) breaks "
                    + "the limits.")
        }
        for promotion in headroom.promotions {
            let tasks = "\(promotion.tasks) low-priority \(promotion.network) task\(promotion.tasks == 1 ? "" : "s")"
            lines.append("Of \(tasks) (\(promotion.task) …), \(promotion.promotable) could be high-priority.")
        }
        return lines
    }

    func json() throws -> String {
        struct Report: Encodable {
            var device: String
            var isMeasured: Bool
            var simulated = true
            var constraints: PlanningConstraints
            var best: CandidateFigures?
            var finalists: [CandidateFigures]
            var all: [CandidateFigures]
            var comparison: [Comparison]
            var headroom: Headroom?
            var objective: Planner.Objective
            var share: Double?
            var priceOfMillion: Double?
        }
        return try Terminal.json(
            Report(
                device: device.title, isMeasured: device.isMeasured, constraints: constraints, best: best,
                finalists: finalists, all: all, comparison: comparison, headroom: headroom, objective: objective,
                share: best?.share(of: device),
                priceOfMillion: pricePerHour.flatMap { best?.price(ofMillionOn: device, perHour: $0) }))
    }

    /// The candidates that no other one beats in both JPS and LP DMR, by descending JPS.
    var front: [CandidateFigures] {
        var least = Double.infinity
        let keeping = all.filter { $0.hpDMR <= constraints.hpDMR }
        return keeping.sorted { ($0.jps, $1.lpDMR) > ($1.jps, $0.lpDMR) }.filter { figures in
            defer { least = min(least, figures.lpDMR) }
            return figures.lpDMR < least
        }
    }

    var paretoChart: String {
        func points(_ figures: [CandidateFigures], isNamed: Bool) -> [ScatterChart.Point] {
            figures.map {
                ScatterChart.Point(x: $0.jps, y: $0.lpDMR * 100, label: isNamed ? $0.candidate.label : nil)
            }
        }
        return ScatterChart(
            title: "Throughput against missed low-priority deadlines",
            subtitle: "\(device.title), simulated; partitions that keep the high-priority limit",
            xTitle: "inferences a second", yTitle: "LP deadline miss rate, %",
            series: [
                .init(
                    name: "partitions", points: points(all.filter { $0.hpDMR <= constraints.hpDMR }, isNamed: false),
                    isBackground: true),
                .init(name: "Pareto front", points: points(front.reversed(), isNamed: true), isConnected: true),
            ], yRange: 0...max(1, constraints.lpDMR * 400),
            horizontalLines: [.init(value: constraints.lpDMR * 100, label: "limit")]
        ).svg()
    }
}
