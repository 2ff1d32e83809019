import DarisCore

/// The figures of a finished run, for people to read.
///
/// ```swift
/// print(SummaryReport(summary, plan: plan).text(styling: .plain))
/// ```
package struct SummaryReport: Sendable {
    /// The limit of different errors that are shown.
    static let errorLimit = 10

    private let summary: RunSummary
    private let plan: RunPlan
    private let interrupted: Bool
    private let errors: [RunReport.TaskError]
    private let notes: [String]

    /// A report on a run.
    ///
    /// - Parameters:
    ///   - interrupted: Whether the run was stopped early.
    ///   - errors: The failures of the run.
    ///   - notes: Other remarks.
    package init(
        _ summary: RunSummary, plan: RunPlan, interrupted: Bool = false, errors: [RunReport.TaskError] = [],
        notes: [String] = []
    ) {
        self.summary = summary
        self.plan = plan
        self.interrupted = interrupted
        self.errors = errors
        self.notes = notes
    }

    /// A report on the run of a JSON report.
    package init(_ report: RunReport) {
        self.init(
            report.summary, plan: report.plan, interrupted: report.interrupted, errors: report.errors,
            notes: report.notes)
    }

    /// The report in lines of at most `TextTable.pageWidth` columns, without a line break at the end.
    package func text(styling: Styling) -> String {
        let sections = [
            heading(styling: styling), priorities(styling: styling) + requests, rates(styling: styling),
            tasks(styling: styling),
            contexts(styling: styling), scheduling(styling: styling), errors(styling: styling),
            notes.flatMap { "note: \($0.printable)".wrapped(indent: 2) }, balance,
            verdict(styling: styling),
        ]
        return sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
    }

    private func heading(styling: Styling) -> [String] {
        let kind =
            switch (plan.simulated, interrupted) {
            case (false, false): "Run: "
            case (true, false): "Run (simulated): "
            case (false, true): "Run (interrupted): "
            case (true, true): "Run (simulated, interrupted): "
            }
        let end = summary.jobs.released > 0 ? ", last job ended at \(Figure.seconds(summary.elapsedS))" : ""
        return (kind + plan.deviceWords.printable).wrapped().map { styling.apply(.heading, to: $0) }
            + plan.partitionWords.labelled("Partition") + plan.schedulerWords.labelled("Scheduler")
            + "for \(Figure.seconds(summary.durationS))\(end)".labelled("Releases")
            + "\(Figure.rate(summary.jps)) inferences completed a second".labelled("JPS")
    }

    /// The priorities that have tasks, with their figures.
    private var groups: [(name: String, figures: RunSummary.Group)] {
        [(Priority.high, summary.hp), (Priority.low, summary.lp)].filter { summary.hasTasks($0.0) }
            .map { ($0.0.name, $0.1) }
    }

    private func priorities(styling: Styling) -> [String] {
        var table = TextTable(
            [
                .text("jobs"), .number("released"), .number("accepted"), .number("rejected"), .number("skipped"),
                .number("completed"), .number("late"), .number("dropped"), .number("failed"), .number("in flight"),
            ])
        for (name, figures) in groups {
            let counts = [
                figures.released, figures.accepted, figures.rejected, figures.skipped, figures.completed, figures.late,
                figures.dropped, figures.failed, figures.inFlight,
            ]
            table.append([name] + counts.map { Figure.count($0) })
        }
        return groups.isEmpty ? ["no tasks"] : table.lines(styling: styling)
    }

    /// "HP 2 refused; LP 812 refused, 3 expired": requests that never became jobs, where there are any.
    private var requests: [String] {
        let parts = groups.compactMap { name, figures -> String? in
            let counts = [(figures.refusedRequests, "refused"), (figures.expiredRequests, "expired")]
                .filter { $0.0 > 0 }.map { "\(Figure.count($0.0)) \($0.1)" }
            return counts.isEmpty ? nil : "\(name) \(counts.joined(separator: ", "))"
        }
        return parts.isEmpty ? [] : (parts.joined(separator: "; ") + " before they became jobs").labelled("Requests")
    }

    private func rates(styling: Styling) -> [String] {
        var table = TextTable(
            [
                .text("rates"), .number("DMR %"), .number("acceptance %"), .number("JPS"), .number("response mean ms"),
                .number("p50"), .number("p95"), .number("p99"), .number("max"),
            ])
        for (name, figures) in groups {
            let times = figures.responseMs
            table.append(
                [name, Self.missRate(figures, isHigh: name == Priority.high.name), Self.acceptance(figures)]
                    + [Figure.rate(figures.jps)]
                    + [times.mean, times.p50, times.p95, times.p99, times.max].map { Self.time($0, of: times) })
        }
        let missing = Priority.allCases.filter { !summary.hasTasks($0) }
            .map { $0 == .high ? "no high-priority tasks" : "no low-priority tasks" }
        return groups.isEmpty ? [] : table.lines(styling: styling) + missing
    }

    private func tasks(styling: Styling) -> [String] {
        guard !summary.tasks.isEmpty else { return [] }
        var table = TextTable(
            [
                .text("task"), .text("prio"), .number("released"), .number("missed"), .number("DMR %"),
                .number("acceptance %"), .number("JPS"), .number("mean ms"), .number("p99 ms"), .number("MRET ms"),
            ])
        for task in summary.tasks.prefix(PlanReport.rowLimit) {
            let figures = task.figures
            let times = figures.responseMs
            table.append([
                task.name, task.priority, Figure.count(figures.released), Figure.count(figures.missed),
                Self.missRate(figures, isHigh: task.priority == Priority.high.name),
                Self.acceptance(figures), Figure.rate(figures.jps), Self.time(times.mean, of: times),
                Self.time(times.p99, of: times), Figure.milliseconds(task.mretMs),
            ])
        }
        let hidden = summary.tasks.dropFirst(PlanReport.rowLimit)
        let missing = hidden.count { $0.figures.missed > 0 }
        let rest = "… \(hidden.count) more" + (missing > 0 ? ", \(missing) of them with misses" : "") + ", see --json"
        return table.lines(styling: styling) + (hidden.isEmpty ? [] : [rest])
    }

    /// A number of compute units in words: `1 core`, `4 cores`.
    private func quota(_ units: Int) -> String {
        let one = plan.unitName.hasSuffix("s") ? String(plan.unitName.dropLast()) : plan.unitName
        return "\(units) \(units == 1 ? one : plan.unitName)"
    }

    private func contexts(styling: Styling) -> [String] {
        guard !summary.contexts.isEmpty else { return [] }
        var table = TextTable([.number("context"), .number("quota"), .number("planned %"), .number("busy %")])
        let streams = Double(max(1, plan.partition.streams))
        for context in summary.contexts.prefix(PlanReport.rowLimit) {
            let planned = plan.contexts.first { $0.context == context.context }
            table.append([
                "\(context.context)", planned.map { quota($0.quota) } ?? Figure.none,
                planned.map { Figure.percent($0.utilisation / streams) } ?? Figure.none,
                Figure.percent(context.utilisation),
            ])
        }
        let hidden = summary.contexts.count - PlanReport.rowLimit
        return table.lines(styling: styling) + (hidden > 0 ? ["… \(hidden) more, see --json"] : [])
    }

    private func scheduling(styling: Styling) -> [String] {
        func words(_ times: RunSummary.ShortTimes) -> String {
            guard times.count > 0 else { return "not measured" }
            return "p50 \(Figure.nanoseconds(times.p50)), p99 \(Figure.nanoseconds(times.p99)), "
                + "max \(Figure.nanoseconds(times.max)) (\(times.count) measured)"
        }
        return words(summary.decisionNs).labelled("Decisions") + words(summary.handoverNs).labelled("Hand-overs")
            + "\(summary.stages)".labelled("Stages") + batching
            + "\(summary.migrations)".labelled("Migrations") + energy
    }

    /// "812.4 J, 0.0341 J an inference, 402.7 W on average, of the whole device"; nothing where it is not counted.
    private var energy: [String] {
        guard let energy = summary.energy else { return [] }
        let each = energy.inferenceJ.map { ["\(Figure.significant($0)) J an inference"] } ?? []
        return
            (["\(Figure.fixed(energy.totalJ, decimals: 1)) J"] + each
            + ["\(Figure.fixed(energy.meanW, decimals: 1)) W on average", "of the whole device"])
            .joined(separator: ", ").labelled("Energy")
    }

    /// "81.2 % of stages, 3.1 jobs a batch".
    private var batching: [String] {
        guard let batching = summary.batching else { return [] }
        guard batching.batches > 0 else { return "no batch".labelled("Batching") }
        return "\(Figure.percent(batching.share)) % of stages, \(Figure.rate(batching.meanJobs)) jobs a batch"
            .labelled("Batching")
    }

    private func errors(styling: Styling) -> [String] {
        let hidden = errors.count - Self.errorLimit
        return errors.prefix(Self.errorLimit).flatMap { error in
            "error: task '\(error.task.printable)': \(error.message.printable) (\(Figure.counted(error.count, "time")))"
                .wrapped(indent: 2).map { styling.apply(.bad, to: $0) }
        } + (hidden > 0 ? ["… \(hidden) more errors, see --json"] : [])
    }

    /// "released 512 = rejected 90 + skipped 3 + …".
    private var balance: [String] {
        let jobs = summary.jobs
        let line =
            "released \(jobs.released) = rejected \(jobs.rejected) + skipped \(jobs.skipped) + completed \(jobs.completed)"
            + " + dropped \(jobs.dropped) + failed \(jobs.failed) + in flight \(jobs.inFlight)"
        let warning = jobs.isBalanced ? [] : ["This does not add up, which is a defect of Daris."]
        return line.wrapped(indent: 2) + warning
    }

    private func verdict(styling: Styling) -> [String] {
        let verdict = Verdict(summary: summary, simulated: plan.simulated, interrupted: interrupted)
        return verdict.text.wrapped().map { styling.apply(verdict.isGood ? .good : .bad, to: $0) }
    }

    private static func missRate(_ figures: RunSummary.Group, isHigh: Bool) -> String {
        figures.judged(isHigh ? .high : .low) > 0 ? Figure.percent(figures.dmr) : Figure.none
    }

    private static func acceptance(_ figures: RunSummary.Group) -> String {
        figures.offered > 0 ? Figure.percent(figures.acceptance) : Figure.none
    }

    private static func time(_ milliseconds: Double, of times: RunSummary.Times) -> String {
        times.count > 0 ? Figure.milliseconds(milliseconds) : Figure.none
    }
}
