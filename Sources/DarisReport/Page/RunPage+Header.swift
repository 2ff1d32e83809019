import DarisCore

extension RunPage {
    /// "Simulated run of 48 tasks".
    var title: String {
        let kind =
            cutOff != nil
            ? "Cut-off record of a run" : plan.simulated ? "Simulated run" : wasInterrupted ? "Interrupted run" : "Run"
        return "\(kind) of \(Figure.counted(configuration.tasks.count, "task")) on \(plan.device)"
    }

    /// The title, the verdict and the main figures.
    var header: String {
        let verdict = Verdict(summary: summary, simulated: plan.simulated, interrupted: wasInterrupted)
        return """
            <p class="kind">Daris run report\(plan.simulated ? " <strong>simulated</strong>" : "")</p>
            <h1>\(Self.escaped(title))</h1>
            <p class="verdict \(verdict.isGood ? "good" : "bad")">\(Self.escaped(verdict.text))</p>
            <dl class="tiles">
            \(tiles)
            </dl>
            <dl class="facts">
            \(facts)
            </dl>
            \(notes)
            """
    }

    private var tiles: String {
        var tiles = [tile("Throughput (JPS)", Figure.rate(summary.jps), "inferences/s", "HP and LP jobs completed")]
        for (priority, group) in [(Priority.high, summary.hp), (.low, summary.lp)] where summary.hasTasks(priority) {
            let judged = group.judged(priority)
            tiles.append(
                tile(
                    "\(priority.name) deadline misses (DMR)", judged > 0 ? Figure.percent(group.dmr) : Figure.none, "%",
                    "\(group.missed) of \(judged) jobs", isBad: priority == .high && group.missed > 0))
        }
        if summary.hasTasks(.low) {
            tiles.append(
                tile(
                    "LP acceptance", summary.lp.offered > 0 ? Figure.percent(summary.lp.acceptance) : Figure.none, "%",
                    "\(summary.lp.accepted) of \(summary.lp.released) jobs"))
        }
        for (priority, group) in [(Priority.high, summary.hp), (.low, summary.lp)] where group.responseMs.count > 0 {
            tiles.append(
                tile(
                    "\(priority.name) response time, mean", Figure.milliseconds(group.responseMs.mean), "ms",
                    "p99 \(Figure.milliseconds(group.responseMs.p99)) ms"))
        }
        if let energy = summary.energy {
            let words = "\(watts(energy)) on average, \(plan.simulated ? "predicted" : "measured")"
            tiles.append(
                energy.inferenceJ.map {
                    tile("Energy", Figure.significant($0), "J/inference", "\(joules(energy)), \(words)")
                } ?? tile("Energy", Figure.fixed(energy.totalJ, decimals: 1), "J", words))
        }
        return tiles.joined(separator: "\n")
    }

    private func joules(_ energy: RunSummary.Energy) -> String { "\(Figure.fixed(energy.totalJ, decimals: 1)) J" }
    private func watts(_ energy: RunSummary.Energy) -> String { "\(Figure.fixed(energy.meanW, decimals: 1)) W" }

    /// The energy and where its figure comes from.
    private var energy: [(String, String)] {
        guard let energy = summary.energy else { return [] }
        let each = energy.inferenceJ.map { ["\(Figure.significant($0)) J an inference"] } ?? []
        let source =
            plan.simulated
            ? "a prediction by the power model of the device, not a measurement"
            : "of the whole device, whoever used it, measured by its own counter (NVML)"
        let figures = [joules(energy)] + each + ["\(watts(energy)) on average"]
        return [("Energy", figures.joined(separator: ", ") + ": " + source)]
    }

    private func tile(_ name: String, _ value: String, _ unit: String, _ detail: String, isBad: Bool = false) -> String
    {
        "<div class=\"tile\(isBad ? " bad" : "")\"><dt>\(name)</dt>"
            + "<dd><b>\(Self.escaped(value))</b> \(unit)<span>\(Self.escaped(detail))</span></dd></div>"
    }

    private var facts: String {
        let load = plan.load.map { ", rates scaled to a load of \(Figure.percent($0)) %" } ?? ""
        let simulated = plan.simulated ? " (a model of it, in virtual time)" : ""
        let rows: [(String, String)] =
            [
                ("Device", plan.deviceWords + simulated), ("Partition", plan.partitionWords),
                ("Scheduler", plan.schedulerWords),
                (
                    "Releases",
                    "for \(Figure.seconds(summary.durationS)), last job ended at \(Figure.seconds(summary.elapsedS)), "
                        + "seed \(plan.seed)\(load)"
                ),
                (
                    "Jobs",
                    "\(summary.jobs.released) released = \(summary.jobs.completed) completed + \(summary.jobs.rejected) "
                        + "rejected + \(summary.jobs.skipped) skipped + \(summary.jobs.dropped) dropped + "
                        + "\(summary.jobs.failed) failed + \(summary.jobs.inFlight) in flight"
                ),
                ("Stages", "\(summary.stages) ended\(batching); \(Figure.counted(summary.migrations, "job")) migrated"),
            ] + energy
        return rows.map { "<div><dt>\($0.0)</dt><dd>\(Self.escaped($0.1))</dd></div>" }.joined(separator: "\n")
    }

    private var batching: String {
        guard let batching = summary.batching else { return "" }
        return ", \(Figure.percent(batching.share)) % of them in \(batching.batches) batches"
    }

    private var notes: String {
        let all = [cutOff].compactMap { $0 } + plan.notes
        guard !all.isEmpty else { return "" }
        let items = all.map { "<li>\(Self.escaped($0))</li>" }.joined()
        return
            "<details class=\"notes\"><summary>Notes on the run (\(all.count))</summary>"
            + "<ul>\(items)</ul></details>"
    }
}
