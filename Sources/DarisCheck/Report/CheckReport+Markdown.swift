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
        lines += facts + maps + outputs + neighbours + batching
        lines += runs(
            "Partitions", results.sweep,
            "One task set on many partitions, tried in an order that looks around the best so far.")
        lines += runs(
            "The paper's task sets", results.taskSets,
            "The paper's rates, deadlines and shares of HP and LP tasks, in numbers that the card needs.")
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

    private var batching: [String] {
        let best = results.bestBatching
        let lines = section(
            "Batching alone", ["network", "batch", "lanes", "stages", "inferences a second", "J an inference", ""],
            results.batching.map { record in
                [
                    record.network, "\(record.batch)", "\(record.lanes)", "\(record.stages)", Figure.rate(record.jps),
                    record.joules.map { Figure.fixed($0, decimals: 3) } ?? Figure.none,
                    best[record.network] == record ? "best" : "",
                ]
            })
        return lines.isEmpty ? [] : lines + ["", "![Batching alone](batching.svg)"]
    }

    private func runs(_ title: String, _ rows: [CheckRow], _ remark: String) -> [String] {
        guard !rows.isEmpty else { return [] }
        let picture = rows == results.sweep ? "partitions.svg" : "task-sets.svg"
        return [
            "", "## \(title)", "",
            remark + " The rates ask for \(Figure.plain(CheckTaskSet.overload)) times what batching alone makes at its "
                + "best. HP and LP ms are mean response times, J is energy an inference, dispatch is the median host "
                + "time of a decision and a launch.", "",
        ]
            + Self.table(
                ["task set", "configuration", "asked for", "released for, s"] + Self.rowHeader + ["errors"],
                rows.map { row in
                    [
                        row.taskSet, row.configuration.label, Figure.rate(row.demand), Figure.plain(row.seconds),
                    ] + Self.cells(of: row) + [row.errors.joined(separator: "; ")]
                }) + ["", "![\(title)](\(picture))"]
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
