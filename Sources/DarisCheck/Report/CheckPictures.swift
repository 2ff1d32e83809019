import DarisReport

extension CheckReport {
    /// The plots of what there is: file name and SVG document.
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

    /// Relative to the best of each network, since they differ by much.
    private var batchingCurve: ScatterChart {
        let best = results.bestBatching
        let series = results.networks.compactMap { network -> ScatterChart.Series? in
            let records = results.batching.filter { $0.network == network }
            guard let most = best[network]?.jps, most > 0 else { return nil }
            let points = Set(records.map(\.batch)).sorted().map { batch in
                let jps = records.filter { $0.batch == batch }.map(\.jps).max() ?? 0
                return ScatterChart.Point(x: Double(batch), y: jps / most * 100, label: Figure.rate(jps))
            }
            return .init(name: network, points: points, isConnected: true)
        }
        return ScatterChart(
            title: "Batching alone", subtitle: subtitle + "; at the points: inferences a second", xTitle: "batch size",
            yTitle: "share of the best throughput, %", series: series, xRange: 0...68, yRange: 0...110)
    }

    private func bars(_ title: String, _ rows: [CheckRow], names: Bool) -> BarChart {
        BarChart(
            title: title, subtitle: subtitle,
            categories: rows.map { (names ? $0.taskSet + ", " : "") + $0.configuration.label },
            panels: [
                .init(title: "Throughput", unit: "JPS", groups: [.init(values: rows.map(\.jps))], decimals: 0),
                .init(
                    title: "of best batching", unit: "×",
                    groups: [.init(values: rows.map { $0.bestBatching > 0 ? $0.ratio : nil })], decimals: 2),
                .init(title: "HP DMR", unit: "%", groups: [.init(values: rows.map { $0.hpDMR * 100 })]),
                .init(title: "LP DMR", unit: "%", groups: [.init(values: rows.map { $0.lpDMR.map { $0 * 100 } })]),
            ])
    }
}
