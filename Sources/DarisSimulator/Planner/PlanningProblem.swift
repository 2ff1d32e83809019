import DarisCore

/// The input of the planner: tasks, a device and constraints.
package struct PlanningProblem: Sendable {
    private let makeTasks: @Sendable (_ stageScale: Double, _ options: SchedulerOptions) -> [SimulatedTask]
    /// The device.
    package let gpu: GPUModel
    /// Policy and ablations.
    package var options: SchedulerOptions
    /// The constraints.
    package var constraints: PlanningConstraints
    /// The seed of the first run; further runs use the seeds after it.
    package var seed: UInt64

    /// Memory that a process takes for its CUDA context, in MiB.
    package static let contextMemoryMiB = 350.0

    /// A problem.
    package init(
        gpu: GPUModel, options: SchedulerOptions, constraints: PlanningConstraints, seed: UInt64,
        tasks: @escaping @Sendable (_ stageScale: Double, _ options: SchedulerOptions) -> [SimulatedTask]
    ) {
        self.gpu = gpu
        self.options = options
        self.constraints = constraints
        self.seed = seed
        makeTasks = tasks
    }

    /// The tasks with every network cut into `stageScale` times the stages of the task set.
    package func tasks(_ stageScale: Double) -> [SimulatedTask] { makeTasks(stageScale, options) }

    /// The device memory of a candidate in MiB. Under MPS every context is a process with the weights of all networks.
    /// In one process the weights count once for each lane, which is an upper bound.
    package func memoryMiB(of candidate: Candidate) -> Double {
        let networks = Set(tasks(1).map(\.network)).reduce(0) { $0 + (gpu.memoryMiB(of: $1) ?? 0) }
        let contexts = Double(candidate.partition.contexts)
        return candidate.kind == .mps
            ? contexts * (Self.contextMemoryMiB + Double(candidate.partition.lanesPerContext) * networks)
            : Self.contextMemoryMiB + Double(candidate.partition.laneCount) * networks
    }

    /// Simulates a candidate for `duration`, once for each of `runs` seeds, and combines the runs.
    ///
    /// - Parameters:
    ///   - rateScale: A factor for all rates.
    ///   - promoted: The indices of LP tasks that run as HP.
    /// - Returns: The figures, or `nil` if the scheduler refuses the scaled tasks.
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
        var partition = candidate.partition
        // Express lanes need priorities.
        if !options.hasFixedPriorities { partition.express = 0 }
        let cut = partition
        var (span, busy, inferences) = (0.0, 0.0, 0.0)
        let summaries = (0..<runs).compactMap { run -> RunSummary? in
            let seed = seed &+ UInt64(run)
            let simulation = try? Simulation(
                scaled, on: gpu, partition: cut, kind: candidate.kind, options: options, seed: seed)
            guard let simulation else { return nil }
            let result = simulation.run(phases: simulation.randomPhases(seed: seed), duration: duration)
            span += result.end.inSeconds
            busy += result.busyTime / 1e9
            inferences += result.summary.jps * result.end.inSeconds
            return result.summary
        }
        guard summaries.count == runs, runs > 0 else { return nil }
        var figures = CandidateFigures(candidate, summaries, memoryMiB: memoryMiB(of: candidate))
        figures.busyShare = busy / max(span, 1e-9)
        if let power = gpu.power, inferences > 0 {
            figures.joulesPerInference = power.joules(seconds: span, busy: busy) / inferences
        }
        return figures
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

/// A configuration that the planner considers: a partition of the device, and the number of stages.
package struct Candidate: Hashable, Sendable, Codable {
    /// The kind of partition.
    package var kind: PartitionKind
    /// N_c, N_s and OS.
    package var partition: Partition
    /// The stages of every network relative to the task set: 1 for the same number, 2 for twice as many, 0 for uncut.
    package var stageScale: Double

    /// A candidate.
    package init(kind: PartitionKind, partition: Partition, stageScale: Double = 1) {
        self.kind = kind
        self.partition = partition
        self.stageScale = stageScale
    }

    /// `mps 6×1 OS 6`.
    package var label: String {
        let os = partition.oversubscription
        let shape = "\(kind.rawValue) \(partition.contexts)×\(partition.streams)"
        let share = partition.contexts == 1 ? "" : os == os.rounded() ? " OS \(Int(os))" : " OS \(os)"
        let express = partition.express == 0 ? "" : ", express \(partition.express)"
        return shape + share + express
            + (stageScale == 1 ? "" : stageScale == 0 ? ", uncut" : ", stages ×\(stageScale)")
    }
}

/// The figures of a simulated candidate.
package struct CandidateFigures: Hashable, Sendable, Codable {
    /// The candidate.
    package var candidate: Candidate
    /// Completed inferences a second.
    package var jps: Double
    /// HP deadline miss rate, 0 to 1.
    package var hpDMR: Double
    /// LP deadline miss rate, 0 to 1.
    package var lpDMR: Double
    /// LP acceptance, 0 to 1.
    package var acceptance: Double
    /// Mean HP response time in ms.
    package var hpResponseMs: Double
    /// Mean LP response time in ms.
    package var lpResponseMs: Double
    /// Device memory in MiB.
    package var memoryMiB: Double
    /// The part of the device that works, on average, 0 to 1.
    package var busyShare = 0.0
    /// Energy of an inference in J, of the whole card; `nil` where nothing is known of its power.
    package var joulesPerInference: Double?

    /// The part of a card that the tasks take from others that could use it: of its work or of its memory, whichever is more.
    package func share(of gpu: GPUModel) -> Double { min(1, max(busyShare, memoryMiB / gpu.memoryMiB)) }

    /// The price of a million inferences, of that part of a card that costs `price` an hour; `nil` if nothing was completed.
    package func price(ofMillionOn gpu: GPUModel, perHour price: Double) -> Double? {
        jps > 0 ? price * share(of: gpu) / 3600 / jps * 1e6 : nil
    }

    /// Whether the candidate keeps the constraints.
    package func isFeasible(_ constraints: PlanningConstraints) -> Bool {
        hpDMR <= constraints.hpDMR && lpDMR < constraints.lpDMR && memoryMiB <= constraints.memoryMiB
    }
}

/// The constraints of a plan.
package struct PlanningConstraints: Hashable, Sendable, Codable {
    /// The highest HP deadline miss rate, 0 to 1; 0 by default.
    package var hpDMR: Double
    /// The upper bound (not reached) of the LP deadline miss rate, 0 to 1; 0.02 by default.
    package var lpDMR: Double
    /// The limit of device memory in MiB.
    package var memoryMiB: Double

    /// Constraints.
    package init(hpDMR: Double = 0, lpDMR: Double = 0.02, memoryMiB: Double) {
        self.hpDMR = hpDMR
        self.lpDMR = lpDMR
        self.memoryMiB = memoryMiB
    }
}

/// Batching without a scheduler: one batch after another on the whole device, without deadlines. It is the upper
/// baseline of the paper.
package struct Batching: Sendable {
    /// The best batch of a network, with its throughput.
    package struct Row: Hashable, Sendable, Codable {
        /// The network.
        package var network: String
        /// The batch with the highest throughput.
        package var batch: Int
        /// Inferences a second at that batch.
        package var jps: Double
    }

    /// The largest batch.
    package static let largestBatch = 64

    /// The lanes that run batches at the same time, where stages are graphs; the best number counts.
    package static let lanes = [1, 2, 4]

    /// The throughput of one network alone in a closed loop, in inferences a second. The launch of a batch overlaps the
    /// batch before (docs/gpu-model.md, equation 8).
    package static func throughput(of cost: NetworkCost, on gpu: GPUModel, batch: Int) -> Double {
        let usable = min(cost.parallelism(batch: batch), Double(gpu.processors) * cost.bandwidthShare)
        return Double(batch) / max(cost.launchMs, Double(batch) * cost.workSMms / usable) * 1e3
    }

    /// The best batch of a network: the smallest whose throughput is within 0.5 % of the highest.
    package static func best(_ network: String, on gpu: GPUModel) -> Row? {
        guard gpu.networkNames.contains(network) else { return nil }
        let sizes = gpu.graphs == nil ? Array(1...largestBatch) : [1] + BatchGroup.measuredSizes
        let rates = sizes.map { batch -> Double in
            if let cost = gpu.networks[network] { return throughput(of: cost, on: gpu, batch: batch) }
            return lanes.compactMap { ClosedLoop(network, batch: batch, lanes: $0).throughput(on: gpu) }.max() ?? 0
        }
        let highest = rates.max() ?? 0
        let place = rates.firstIndex { $0 >= 0.995 * highest } ?? 0
        return Row(network: network, batch: sizes[place], jps: rates[place])
    }

    /// The throughput of batching for the demand of tasks, in inferences a second: the demand if it fits, else as much
    /// as fits when every network gets its share.
    package static func throughput(of tasks: [SimulatedTask], on gpu: GPUModel) -> Double {
        var demand: [String: Double] = [:]
        for task in tasks {
            demand[task.network, default: 0] += Double(task.specification.batch) / task.specification.period.inSeconds
        }
        let (total, busy) = demand.sorted { $0.key < $1.key }.reduce((0.0, 0.0)) { sum, entry in
            (sum.0 + entry.value, sum.1 + entry.value / (best(entry.key, on: gpu)?.jps ?? .infinity))
        }
        return total / max(1, busy)
    }
}
