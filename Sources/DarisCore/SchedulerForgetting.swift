/// Tasks that have become too slow to be admitted anywhere; not in the paper (docs/decisions/0002).
extension Scheduler {
    /// Whether a job of the LP task would be admitted somewhere if no other LP job were in flight.
    func couldFit(_ index: Int) -> Bool {
        contexts.indices.contains { context in
            var empty = contexts[context]
            empty.activeLowPriority = .zero
            return (options.migration || context == tasks[index].home)
                && empty.admits(tasks[index].utilisation, streams: streams)
        }
    }

    /// A task that no context could admit however idle would never run again, and so never be measured again, though its
    /// MRET may come from a bad moment long past. Each release that is turned away for that forgets the oldest sample of
    /// every stage, until the task fits or its AFET stands in again. Not in the paper; docs/decisions/0002.
    mutating func forgetOldestSamples(of index: Int) {
        for stage in tasks[index].firstStage..<tasks[index].firstStage + tasks[index].stageCount {
            tasks[index].mret += windows.expireOldest(stage: stage)
            if batches.isOn { batches.expireOldestCost(of: index, stage: stage) }
        }
        tasks[index].utilisation = Utilisation(
            executionTime: batches.isOn ? batches.taskCosts[index] : tasks[index].mret, period: tasks[index].period)
    }
}
