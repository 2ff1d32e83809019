import DarisCore

extension TaskSet {
    /// When each task's jobs are released, drawn from the run's seed; `nil` for tasks whose jobs come from outside.
    ///
    /// What is random in one task depends on its place in the list alone, not on how another's jobs arrive. A phase
    /// that was not given is drawn within the period, for periodic tasks with or without jitter and for sporadic ones.
    ///
    /// - Parameters:
    ///   - periods: Tᵢ of each task, in the order of `tasks`: those declared, or those scaled to a load.
    ///   - generatingSporadic: Whether sporadic tasks release jobs by themselves, as in a simulation, instead of having
    ///     them submitted.
    package func arrivalSequences(periods: [Nanoseconds], generatingSporadic: Bool) -> [ArrivalSequence?] {
        precondition(periods.count == tasks.count, "each task needs a period")
        // Both drawn for every task, whether it needs them or not.
        var phases = SplitMix64(seed: run.seed)
        var seeds = SplitMix64(seed: ~run.seed)
        return zip(tasks, periods).map { task, period in
            let randomPhase = Nanoseconds(Int64(phases.next() % UInt64(period.rawValue)))
            let seed = seeds.next()
            let phase: Nanoseconds
            switch task.arrival {
            case .periodic, .jitter: phase = task.phase ?? randomPhase
            case .sporadic:
                guard generatingSporadic else { return nil }
                phase = randomPhase
            case .poisson, .bursts, .trace: phase = .zero
            }
            return ArrivalSequence(task.arrival.process, period: period, phase: phase, seed: seed)
        }
    }
}
