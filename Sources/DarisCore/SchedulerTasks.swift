/// Tasks that are taken out and come back while the scheduler runs (docs/decisions/0007).
extension Scheduler {
    /// Takes a task out: its utilisation leaves its context, what waits behind its job in flight is dropped, and that
    /// job runs on to its end.
    mutating func remove(_ index: Int, into commands: inout CommandBuffer) {
        guard tasks.indices.contains(index), tasks[index].isIn else { return }
        tasks[index].isIn = false
        if tasks[index].priority == .high { contexts[tasks[index].home].highPriority -= tasks[index].utilisation }
        while let release = waiting[index].popFirst() { end(index, release, .dropped, .taskRemoved, into: &commands) }
    }

    /// Places a task that was taken out, by the off-line algorithm for one task; what was measured of it still holds.
    /// With every context lost it waits for the first to come back, as all tasks do.
    mutating func add(_ index: Int) {
        guard tasks.indices.contains(index), !tasks[index].isIn else { return }
        let alive = contexts.indices.filter { contexts[$0].isAlive }
        if !alive.isEmpty {
            let load = load()
            tasks[index].home =
                Placement.place(
                    [(tasks[index].priority, tasks[index].utilisation)], on: alive, load: load)[0]
            tasks[index].originalHome = tasks[index].home
        }
        tasks[index].isIn = true
        if tasks[index].priority == .high { contexts[tasks[index].home].highPriority += tasks[index].utilisation }
    }
}
