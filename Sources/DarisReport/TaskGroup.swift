import DarisCore

/// Tasks of a plan that share a row: one, or the copies that `count: 3` makes of a task.
struct TaskGroup {
    /// The tasks, in the order of the plan; at least one.
    let tasks: [RunPlan.Task]

    /// The tasks in groups: copies of one task, numbered one after another, that stand together and have the same model and
    /// times. Their contexts and measured execution times may differ.
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

    /// "front", or "side-1…3" for side-1, side-2 and side-3.
    var name: String {
        guard tasks.count > 1, let last = Self.number(of: tasks[tasks.count - 1].name) else { return tasks[0].name }
        return "\(tasks[0].name)…\(last.number)"
    }

    /// The contexts its tasks are on: "0–3".
    var contexts: String { Figure.ranges(Set(tasks.map(\.context)).sorted()) }

    /// AFET of a task: "3.90", or "3.90…4.12" where the tasks differ.
    var executionTime: String {
        let times = tasks.map { $0.stageAfetMs.reduce(0, +) }
        let least = Figure.milliseconds(times.min() ?? 0)
        let most = Figure.milliseconds(times.max() ?? 0)
        return least == most ? least : "\(least)…\(most)"
    }

    /// Utilisation of all its tasks.
    var utilisation: Double { tasks.reduce(0) { $0 + $1.utilisation } }

    private static func isCopy(_ task: RunPlan.Task, after last: RunPlan.Task) -> Bool {
        guard let one = number(of: last.name), let other = number(of: task.name) else { return false }
        return one.base == other.base && one.number < .max && one.number + 1 == other.number
            && last.model == task.model && last.priority == task.priority && last.periodMs == task.periodMs
            && last.deadlineMs == task.deadlineMs && last.batch == task.batch
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
