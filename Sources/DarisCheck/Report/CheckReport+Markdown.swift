import DarisSimulator
import DarisReport

extension CheckReport {
    /// The report as Markdown.
    package var markdown: String {
        var lines = ["# GPU check: \(results.deviceName)", ""]
        if results.isRehearsal { lines += ["**\(Self.rehearsal)**", ""] }
        lines += [
            "Daris \(results.version), \(results.started), `--device \(results.device)`, "
                + "\(Figure.plain(results.minutes)) minutes allowed, networks \(results.networks.joined(separator: ", ")).",
            "", "## Claims", "",
        ]
        lines += Self.table(
            ["claim", "state", "figure"], results.verdicts.map { [$0.claim, $0.state.rawValue, $0.figure] })
        lines += ["", "## Steps", ""]
        lines += Self.table(
            ["step", "state", "seconds", "remarks"],
            results.steps.map { record in
                [
                    record.step.title, record.state.rawValue, Figure.fixed(record.seconds, decimals: 1),
                    record.problems.joined(separator: "; "),
                ]
            })
        lines += facts + predictions + batching
        lines += runs(
            "Task sets in one stage", results.largeBatches, "Question 2: batches of up to 64 of whole networks.")
        lines += runs(
            "As before", results.asBefore,
            "Question 3: the networks' own stages, batches of up to 32. The record is in `\(GPUCheck.record)`.")
        lines += runs(
            "The paper's task sets", results.taskSets,
            "The paper's rates, deadlines and shares of HP and LP tasks, in numbers that the card needs.",
            picture: "task-sets.svg")
        lines += stageBatches + outputs
        lines += runs(
            "Without batching", results.unbatched,
            "Job by job, in the networks' own stages, with a demand of 1.5 times what batches of one make.")
        lines += precision + pytorch + maps + neighbours
        lines += runs(
            "Partitions", results.sweep,
            "One task set on many partitions, tried in an order that looks around the best so far.",
            picture: "partitions.svg")
        return lines.joined(separator: "\n") + "\n"
    }

    private var facts: [String] {
        section(
            "Device", ["fact", "value"], results.facts.map { [$0.name, $0.value] })
    }

    private var maps: [String] {
        section(
            "SM maps", ["kind", "partition", "SMs promised", "SMs found", "verdict"],
            results.maps.map { map in
                let shape = SweepConfiguration(map.kind, map.partition).label
                return [
                    map.kind.rawValue, shape, map.promised.map(String.init).joined(separator: ", "),
                    map.found.map { Figure.ranges($0) }.joined(separator: " / "),
                    map.problem ?? map.remark ?? (map.isMeasured ? "as promised" : "not measured"),
                ]
            })
    }

    private var outputs: [String] {
        section(
            "Outputs against the CPU's", ["network", "stages", "batch", "relative difference", "agrees"],
            results.outputs.map { output in
                [
                    output.network, "\(output.stages)", "\(output.batch)", Self.scientific(output.relativeDifference),
                    output.agrees ? "yes" : "no",
                ]
            })
    }

    private var neighbours: [String] {
        section(
            "Stage times beside busy neighbours",
            ["network", "partition", "quota", "busy neighbours", "all stages, ms", "longest stage, ms"],
            results.neighbours.map { record in
                [
                    record.network, SweepConfiguration(record.kind, record.partition).label, "\(record.quota)",
                    "\(record.neighbours)", Figure.fixed(record.stageMs.reduce(0, +), decimals: 3),
                    Figure.fixed(record.stageMs.max() ?? 0, decimals: 3),
                ]
            })
    }

    private var predictions: [String] {
        guard let predictions = results.predictions, let source = predictions.first?.source else { return [] }
        return section(
            "Questions", ["question", "figure", "predicted", "measured", "verdict"],
            predictions.map { record in
                [
                    "\(record.question)", record.subject, record.predicted,
                    record.measured.map { Figure.significant($0) } ?? Figure.none, record.verdict.rawValue,
                ]
            }) + ["", "Predictions: \(source)."]
    }

    private var batching: [String] {
        let best = [BatchingDefinition.paper, .strict].map { ($0, results.best($0)) }
        let lines = section(
            "Batching alone",
            ["network", "batch", "lanes", "stages", "inferences a second", "J an inference", "SM MHz", "W", ""],
            results.batching.map { record in
                [
                    record.network, "\(record.batch)", "\(record.lanes)", "\(record.stages)", Figure.rate(record.jps),
                    record.joules.map { Figure.fixed($0, decimals: 3) } ?? Figure.none,
                ] + Self.cells(of: record.load)
                    + [best.filter { $0.1[record.network] == record }.map(\.0.rawValue).joined(separator: ", ")]
            })
        guard !lines.isEmpty else { return [] }
        return lines + [
            "",
            "\(BatchingDefinition.paper.rawValue): one batch at a time, of at most 10 inferences. "
                + "\(BatchingDefinition.strict.rawValue): any size, on any number of lanes. The network is whole in both.",
            "", "![Batching alone](batching.svg)",
        ]
    }

    /// SM clock and power.
    private static func cells(of load: DeviceLoad?) -> [String] {
        [
            load?.clockMHz.map { Figure.fixed($0, decimals: 0) } ?? Figure.none,
            load?.watts.map { Figure.fixed($0, decimals: 0) } ?? Figure.none,
        ]
    }

    private func runs(_ title: String, _ rows: [CheckRow], _ remark: String, picture: String? = nil) -> [String] {
        guard !rows.isEmpty else { return [] }
        return [
            "", "## \(title)", "",
            remark + " The rates ask for \(Figure.plain(CheckTaskSet.overload)) times what the baseline makes at its "
                + "best. HP and LP ms are mean response times, J is energy an inference, dispatch is the median host "
                + "time of a decision and a launch, batch the mean number of jobs of a dispatch.", "",
        ]
            + Self.table(
                ["task set", "configuration", "baseline", "asked for", "released for, s"] + Self.rowHeader
                    + ["dispatches", "skips", "migrations", "SM MHz", "W", "errors"],
                rows.map { row in
                    [
                        row.taskSet, row.configuration.label, row.baseline ?? Figure.none, Figure.rate(row.demand),
                        Figure.plain(row.seconds),
                    ] + Self.cells(of: row) + [row.dispatches, row.skips, row.migrations].map(Self.count)
                        + Self.cells(of: row.load) + [row.errors.joined(separator: "; ")]
                }) + (picture.map { ["", "![\(title)](\($0))"] } ?? [])
    }

    private static func count(_ count: Int?) -> String { count.map { "\($0)" } ?? Figure.none }

    /// The mean batch of each stage, of all runs with several stages or several repetitions.
    private var stageBatches: [String] {
        let rows = results.largeBatches + results.asBefore + results.taskSets
        return section(
            "Mean batch by stage", ["task set", "configuration", "network", "jobs a dispatch, stage by stage"],
            rows.flatMap { row in
                let stages = row.stages ?? []
                let networks = stages.map(\.network).enumerated().filter { index, name in
                    stages.firstIndex { $0.network == name } == index
                }.map(\.element)
                return networks.map { name in
                    let batches = stages.filter { $0.network == name }.map { Figure.fixed($0.meanBatch, decimals: 1) }
                    return [row.taskSet, row.configuration.label, name, batches.joined(separator: ", ")]
                }
            })
    }

    private var precision: [String] {
        section(
            "Precision and layout", ["network", "how", "batch", "lanes", "inferences a second", "J an inference"],
            results.precision.map { record in
                [
                    record.loop.network, record.variant.rawValue, "\(record.loop.batch)", "\(record.loop.lanes)",
                    Figure.rate(record.loop.jps),
                    record.loop.joules.map { Figure.fixed($0, decimals: 3) } ?? Figure.none,
                ]
            })
    }

    private var pytorch: [String] {
        let best = Dictionary(results.pytorch.map { ($0.network + $0.precision, $0) }) { $0.jps >= $1.jps ? $0 : $1 }
        return section(
            "PyTorch, channels last, in CUDA graphs",
            ["network", "precision", "compiled", "batch", "inferences a second", ""],
            results.pytorch.map { record in
                [
                    record.network, record.precision, record.compiled ? "yes" : "no", "\(record.batch)",
                    Figure.rate(record.jps), best[record.network + record.precision] == record ? "best" : "",
                ]
            })
    }

    private func section(_ title: String, _ header: [String], _ rows: [[String]]) -> [String] {
        rows.isEmpty ? [] : ["", "## \(title)", ""] + Self.table(header, rows)
    }

    /// A table. Newlines and bars in cells are escaped.
    static func table(_ header: [String], _ rows: [[String]]) -> [String] {
        func line(_ cells: [String]) -> String {
            let clean = cells.map { cell in
                String(cell.map { $0.isNewline ? " " : $0 }).replacing("|", with: "\\|")
            }
            return "| " + clean.joined(separator: " | ") + " |"
        }
        return [line(header), "|" + String(repeating: "---|", count: header.count)] + rows.map(line)
    }
}
