import DarisCore

/// The plan of a run, for people to read before it starts.
///
/// ```swift
/// print(PlanReport(plan).text(styling: .plain))
/// ```
package struct PlanReport: Sendable {
    /// The limit of rows in a table; the rest is in the JSON report.
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
        let tasks = plan.tasks.filter { !$0.isSpare }
        guard !tasks.isEmpty else { return ["  none"] }
        let isGrouped = tasks.count > Self.ungroupedLimit
        let groups = isGrouped ? TaskGroup.groups(of: tasks) : tasks.map { TaskGroup(tasks: [$0]) }
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

    /// "front, side-1 … (12)": up to three names, else the first two.
    static func shortList(_ names: [String]) -> String {
        guard names.count > 3 else { return names.isEmpty ? Figure.none : names.joined(separator: ", ") }
        return names.prefix(2).map { $0.printable.truncated(to: 16) }.joined(separator: ", ") + " … (\(names.count))"
    }

    /// The line in place of rows beyond the limit.
    static func rest(_ count: Int) -> [String] { count > rowLimit ? ["  … \(count - rowLimit) more, see --json"] : [] }
}

extension RunPlan {
    /// "NVIDIA RTX 2080 Ti, 68 SMs".
    var deviceWords: String { "\(device), \(units) \(unitName)" }

    /// "2 contexts × 1 stream, oversubscription 1, 1 express lane each".
    var partitionWords: String {
        Figure.counted(partition.contexts, "context") + " × " + Figure.counted(partition.streams, "stream")
            + ", oversubscription \(Figure.plain(partition.oversubscription))"
            + (partition.express == 0 ? "" : ", \(Figure.counted(partition.express, "express lane")) each")
    }

    /// "daris, MRET over 5 runs, without migration": the policy and every option that differs from the paper.
    var schedulerWords: String {
        let window =
            scheduler.worstCaseExecutionTime
            ? "WCET in place of MRET" : "MRET over \(Figure.counted(scheduler.windowSize, "run"))"
        guard scheduler.policy == .daris else { return "\(scheduler.policy.rawValue) (baseline), \(window)" }
        let switches = [
            (scheduler.lastStageLevel, "the last-stage level"), (scheduler.lateLevel, "the late level"),
            (scheduler.fixedPriority, "fixed priorities"), (scheduler.migration, "migration"),
            (scheduler.admission, "admission"),
        ]
        let without = switches.filter { !$0.0 }.map { "without \($0.1)" }
        let rules = scheduler.rules == nil ? [] : ["rules of the published implementation"]
        let off = BatchingRule.allCases.filter { !scheduler.batchingRules.contains($0) }.map(\.rawValue)
        let batching =
            scheduler.batching.map { jobs in
                ["batches of up to \(jobs) jobs" + (off.isEmpty ? "" : " without \(off.joined(separator: ", "))")]
            } ?? []
        return ([scheduler.policy.rawValue, window] + rules + without + batching).joined(separator: ", ")
    }
}

/// Tasks of a plan that share a row: a single task, or the copies that `count: 3` makes of one.
struct TaskGroup {
    /// The tasks, in the order of the plan; at least one.
    let tasks: [RunPlan.Task]

    /// The tasks in groups. A group has adjacent copies of one task with consecutive numbers, and the same model and
    /// times. Contexts and measured execution times may differ.
    static func groups(of tasks: [RunPlan.Task]) -> [TaskGroup] {
        var groups: [[RunPlan.Task]] = []
        for task in tasks {
            if let last = groups.last?.last, isCopy(task, after: last) {
                groups[groups.count - 1].append(task)
            } else {
                groups.append([task])
            }
        }
        return groups.map { TaskGroup(tasks: $0) }
    }

    /// "front", "front ×4" for four instances, or "side-1…3" for side-1, side-2 and side-3.
    var name: String {
        let instances = tasks[0].instances.map { " ×\($0)" } ?? ""
        guard tasks.count > 1, let last = Self.number(of: tasks[tasks.count - 1].name) else {
            return tasks[0].name + instances
        }
        return "\(tasks[0].name)…\(last.number)\(instances)"
    }

    /// The contexts of its tasks: "0–3".
    var contexts: String { Figure.ranges(Set(tasks.flatMap(\.contexts)).sorted()) }

    /// AFET of a task: "3.90", or "3.90…4.12" if the tasks differ.
    var executionTime: String {
        let times = tasks.map { $0.stageAfetMs.reduce(0, +) }
        let least = Figure.milliseconds(times.min() ?? 0)
        let most = Figure.milliseconds(times.max() ?? 0)
        return least == most ? least : "\(least)…\(most)"
    }

    /// Utilisation of all its tasks, each counted once for each instance.
    var utilisation: Double { tasks.reduce(0) { $0 + $1.utilisation * Double($1.contexts.count) } }

    private static func isCopy(_ task: RunPlan.Task, after last: RunPlan.Task) -> Bool {
        guard let one = number(of: last.name), let other = number(of: task.name) else { return false }
        return one.base == other.base && one.number < .max && one.number + 1 == other.number
            && last.model == task.model && last.priority == task.priority && last.periodMs == task.periodMs
            && last.deadlineMs == task.deadlineMs && last.batch == task.batch && last.instances == task.instances
            && last.stageAfetMs.count == task.stageAfetMs.count
    }

    /// "side-12" in its parts.
    private static func number(of name: String) -> (base: Substring, number: Int)? {
        guard let dash = name.lastIndex(of: "-"), let number = Int(name[name.index(after: dash)...]), number > 0 else {
            return nil
        }
        return (name[..<dash], number)
    }
}
