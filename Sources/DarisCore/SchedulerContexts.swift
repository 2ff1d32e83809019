/// Contexts that are lost and come back (design invariant 7: a lost context hurts only the jobs on it).
extension Scheduler {
    mutating func lose(_ context: Int, into commands: inout CommandBuffer) {
        guard contexts.indices.contains(context), contexts[context].isAlive else { return }
        contexts[context].isAlive = false
        rehome()
        for lane in context * streams..<(context + 1) * streams where running[lane] >= 0 {
            let index = running[lane]
            running[lane] = -1
            idleLanes[context] += 1
            var member = index
            while member >= 0 {
                let next = batches.isOn ? batches.leave(member) : -1
                finish(member, .failed, .contextLost, preferring: nil, into: &commands)
                member = next
            }
        }
        while let entry = queues[context].popFirst() {
            if batches.isOn { batches.remove(task: entry.task, stage: tasks[entry.task].stage, context: context) }
            finish(entry.task, .failed, .contextLost, preferring: nil, into: &commands)
        }
    }

    mutating func restore(_ context: Int) {
        guard contexts.indices.contains(context), !contexts[context].isAlive else { return }
        contexts[context].isAlive = true
        for index in tasks.indices where tasks[index].isIn && tasks[index].originalHome == context {
            move(index, to: context)
        }
        rehome()
    }

    /// Places the tasks of lost contexts on those that are left, by the off-line algorithm.
    private mutating func rehome() {
        let alive = contexts.indices.filter { contexts[$0].isAlive }
        let homeless = tasks.indices.filter { tasks[$0].isIn && !contexts[tasks[$0].home].isAlive }
        guard !alive.isEmpty, !homeless.isEmpty else { return }
        let homes = Placement.place(
            homeless.map { (tasks[$0].priority, tasks[$0].utilisation) }, on: alive, load: load())
        for (index, home) in zip(homeless, homes) { move(index, to: home) }
    }

    /// Utilisation of the tasks that are in, by context.
    func load() -> [Utilisation] {
        var load = [Utilisation](repeating: .zero, count: contexts.count)
        for task in tasks where task.isIn { load[task.home] += task.utilisation }
        return load
    }

    private mutating func move(_ index: Int, to home: Int) {
        if tasks[index].priority == .high {
            contexts[tasks[index].home].highPriority -= tasks[index].utilisation
            contexts[home].highPriority += tasks[index].utilisation
        }
        tasks[index].home = home
    }
}
