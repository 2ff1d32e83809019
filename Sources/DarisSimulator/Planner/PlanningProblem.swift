import DarisCore

/// Tasks and a device for which a partition is wanted.
package struct PlanningProblem: Sendable {
    /// The tasks if every network is cut into `stageScale` times the stages that the task set says.
    package let tasks: @Sendable (_ stageScale: Double) -> [SimulatedTask]
    /// The device.
    package let gpu: GPUModel
    /// Policy and ablations.
    package var options: SchedulerOptions
    /// What must be kept.
    package var constraints: PlanningConstraints
    /// Seed of the shortest run; longer ones use those after it.
    package var seed: UInt64

    /// Memory that a process takes for its CUDA context, in MiB.
    package static let contextMemoryMiB = 350.0

    /// A problem.
    package init(
        gpu: GPUModel, options: SchedulerOptions, constraints: PlanningConstraints, seed: UInt64,
        tasks: @escaping @Sendable (_ stageScale: Double) -> [SimulatedTask]
    ) {
        self.gpu = gpu
        self.options = options
        self.constraints = constraints
        self.seed = seed
        self.tasks = tasks
    }

    /// Device memory of a candidate in MiB: under MPS every context is a process with the weights of all networks; in one
    /// process weights are counted once a lane, which is the most they can take.
    package func memoryMiB(of candidate: Candidate) -> Double {
        let networks = Set(tasks(1).map(\.network)).reduce(0) { $0 + (gpu.networks[$1]?.memoryMiB ?? 0) }
        let contexts = Double(candidate.partition.contexts)
        return candidate.kind == .mps
            ? contexts * (Self.contextMemoryMiB + Double(candidate.partition.streams) * networks)
            : Self.contextMemoryMiB + Double(candidate.partition.lanes) * networks
    }

    /// Simulates a candidate for `duration`, once for each of `runs` seeds, and adds the runs up.
    ///
    /// - Parameters:
    ///   - rateScale: all rates are multiplied by this.
    ///   - promoted: indices of LP tasks that are run as HP.
    /// - Returns: `nil` if the scheduler cannot take the tasks so scaled.
    package func figures(
        _ candidate: Candidate, duration: Nanoseconds, runs: Int, rateScale: Double = 1, promoted: Set<Int> = []
    ) -> CandidateFigures? {
        var tasks = tasks(candidate.stageScale)
        for index in tasks.indices {
            if promoted.contains(index) { tasks[index].specification.priority = .high }
            guard rateScale != 1 else { continue }
            let specification = tasks[index].specification
            tasks[index].specification.period = .seconds(specification.period.inSeconds / rateScale)
            if specification.deadline == specification.period {
                tasks[index].specification.deadline = tasks[index].specification.period
            }
        }
        let scaled = tasks
        let summaries = (0..<runs).compactMap { run -> RunSummary? in
            let seed = seed &+ UInt64(run)
            let simulation = try? Simulation(
                scaled, on: gpu, partition: candidate.partition, kind: candidate.kind, options: options, seed: seed)
            return simulation.map { $0.run(phases: $0.randomPhases(seed: seed), duration: duration).summary }
        }
        guard summaries.count == runs, runs > 0 else { return nil }
        return CandidateFigures(candidate, summaries, memoryMiB: memoryMiB(of: candidate))
    }
}

extension CandidateFigures {
    init(_ candidate: Candidate, _ runs: [RunSummary], memoryMiB: Double) {
        func mean(_ value: (RunSummary) -> Double) -> Double { runs.reduce(0) { $0 + value($1) } / Double(runs.count) }
        func dmr(_ group: (RunSummary) -> RunSummary.Group, _ priority: Priority) -> Double {
            JobFigures.rate(
                runs.reduce(0) { $0 + group($1).missed }, of: runs.reduce(0) { $0 + group($1).judged(priority) })
        }
        self.candidate = candidate
        self.memoryMiB = memoryMiB
        jps = mean(\.jps)
        hpDMR = dmr(\.hp, .high)
        lpDMR = dmr(\.lp, .low)
        acceptance = mean(\.lp.acceptance)
        hpResponseMs = mean(\.hp.responseMs.mean)
        lpResponseMs = mean(\.lp.responseMs.mean)
    }
}
