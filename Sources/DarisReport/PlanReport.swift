import DarisCore

/// What a run is about to do, for people to read before it starts.
///
/// ```swift
/// print(PlanReport(plan).text(styling: .plain))
/// ```
package struct PlanReport: Sendable {
    /// The most rows a table has; the rest is in the JSON report.
    static let rowLimit = 40
    /// With more tasks than this, copies of one task share a row.
    static let ungroupedLimit = 20

    private let plan: RunPlan

    /// A report on a plan.
    package init(_ plan: RunPlan) { self.plan = plan }

    /// The report in lines of at most `TextTable.pageWidth` columns, without a line break at the end.
    package func text(styling: Styling) -> String {
        var lines = heading(styling: styling)
        lines += ["", styling.apply(.heading, to: "Contexts (utilisation in lanes)")] + contexts(styling: styling)
        lines += ["", styling.apply(.heading, to: "Tasks (times in ms)")] + tasks(styling: styling)
        lines += ["", total]
        if !plan.notes.isEmpty {
            lines += ["", styling.apply(.heading, to: "Notes")]
            lines += plan.notes.flatMap { "- \($0.printable)".wrapped(indent: 2) }
        }
        return lines.joined(separator: "\n")
    }

    private func heading(styling: Styling) -> [String] {
        let title = (plan.simulated ? "Plan (simulated): " : "Plan: ") + plan.deviceWords.printable
        return title.wrapped().map { styling.apply(.heading, to: $0) }
            + plan.partitionWords.labelled("Partition") + plan.schedulerWords.labelled("Scheduler")
            + "\(plan.durationS.map { "for \(Figure.seconds($0))" } ?? "until it is ended"), seed \(plan.seed)"
            .labelled("Releases")
    }

    private func contexts(styling: Styling) -> [String] {
        var table = TextTable(
            [
                .number("context"), .text(plan.unitName), .number("quota"), .number("HP utilisation"),
                .number("utilisation"), .text("tasks"),
            ], indent: 2)
        for context in plan.contexts.prefix(Self.rowLimit) {
            table.append([
                "\(context.context)", Figure.ranges(context.units), "\(context.quota)",
                Figure.fixed(context.hpUtilisation, decimals: 2), Figure.fixed(context.utilisation, decimals: 2),
                Self.shortList(context.tasks),
            ])
        }
        return table.lines(styling: styling) + Self.rest(plan.contexts.count)
    }

    private func tasks(styling: Styling) -> [String] {
        guard !plan.tasks.isEmpty else { return ["  none"] }
        let isGrouped = plan.tasks.count > Self.ungroupedLimit
        let groups = isGrouped ? TaskGroup.groups(of: plan.tasks) : plan.tasks.map { TaskGroup(tasks: [$0]) }
        var table = TextTable(
            [
                .text("task"), .text("model"), .text("prio"), .text("context"), .number("period"), .number("deadline"),
                .number("batch"), .number("stages"), .number("AFET"), .number("utilisation"),
            ], indent: 2)
        for group in groups.prefix(Self.rowLimit) {
            let task = group.tasks[0]
            table.append([
                group.name, task.model, task.priority, group.contexts, Figure.milliseconds(task.periodMs),
                Figure.milliseconds(task.deadlineMs), "\(task.batch)", "\(task.stageAfetMs.count)",
                group.executionTime, Figure.fixed(group.utilisation, decimals: 2),
            ])
        }
        return table.lines(styling: styling) + Self.rest(groups.count)
    }

    /// "Utilisation 1.07 of 2 lanes (53.5 %), scaled to a load of 55.0 %."
    private var total: String {
        let lanes = plan.partition.lanes
        let sum = Figure.fixed(plan.totalUtilisation * Double(lanes), decimals: 2)
        let asked = plan.load.map { ", rates scaled to a load of \(Figure.percent($0)) %" } ?? ""
        let share = "(\(Figure.percent(plan.totalUtilisation)) %)"
        return "Utilisation \(sum) of \(Figure.counted(lanes, "lane")) \(share)\(asked)"
    }

    /// "front, side-1 … (12)": all names of a few, the first two of many.
    static func shortList(_ names: [String]) -> String {
        guard names.count > 3 else { return names.isEmpty ? Figure.none : names.joined(separator: ", ") }
        return names.prefix(2).map { $0.printable.truncated(to: 16) }.joined(separator: ", ") + " … (\(names.count))"
    }

    /// What is said in place of the rows beyond the limit.
    static func rest(_ count: Int) -> [String] { count > rowLimit ? ["  … \(count - rowLimit) more, see --json"] : [] }
}
