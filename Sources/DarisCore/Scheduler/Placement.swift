/// The off-line placement of tasks on contexts (paper algorithm 1).
public enum Placement {
    /// The context of each task: first HP tasks, then LP tasks, each group by descending utilisation, each to the
    /// context with the least total utilisation at that moment. Ties go to the earlier task and the lower context.
    ///
    /// - Parameters:
    ///   - tasks: priority and utilisation of each task.
    ///   - contexts: the contexts that may be used, by index; must not be empty.
    ///   - load: utilisation already on each of all contexts (those of `contexts` are read).
    /// - Returns: one context index a task, in the order of `tasks`. O(n log n + n · contexts).
    public static func place(
        _ tasks: [(priority: Priority, utilisation: Utilisation)], on contexts: [Int], load: [Utilisation]
    ) -> [Int] {
        precondition(!contexts.isEmpty, "tasks cannot be placed without a context")
        let order = tasks.indices.sorted { a, b in
            let (first, second) = (tasks[a], tasks[b])
            if first.priority != second.priority { return first.priority == .high }
            if first.utilisation != second.utilisation { return first.utilisation > second.utilisation }
            return a < b
        }
        var load = load
        var homes = [Int](repeating: contexts[0], count: tasks.count)
        for task in order {
            var best = contexts[0]
            for context in contexts.dropFirst() where load[context] < load[best] { best = context }
            homes[task] = best
            load[best] += tasks[task].utilisation
        }
        return homes
    }
}
