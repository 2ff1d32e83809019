import DarisCore

/// The policies that the paper compares DARIS with, and DARIS, on one simulated device: one table, in which every definition of
/// batching has its name.
package struct Comparison: Sendable {
    /// The figures of one policy: medians over seeds.
    package struct Row: Hashable, Sendable, Codable {
        /// The task set.
        package var taskSet: String
        /// The device, by its name.
        package var device: String
        /// The policy: `GSLICE`, `batching (paper)`, `batching (strict)`, `DARIS (paper)`.
        package var policy: String
        /// Its setting: partition, lanes, largest batch or shares.
        package var setting: String
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
    }

    /// What one run gives.
    package struct Figures: Sendable {
        var jps: Double
        var hp: RunSummary.Group
        var lp: RunSummary.Group

        /// Those of a baseline.
        package init(_ result: BaselineResult) { (jps, hp, lp) = (result.jps, result.hp, result.lp) }
        /// Those of a scheduler.
        package init(_ summary: RunSummary) { (jps, hp, lp) = (summary.jps, summary.hp, summary.lp) }
    }

    /// A policy with its setting on a device: one row. More of them make a longer table.
    package struct Entry: Sendable {
        /// See `Row`.
        package var taskSet: String
        /// See `Row`.
        package var device: String
        /// See `Row`.
        package var policy: String
        /// See `Row`.
        package var setting: String
        /// A run of some length with a seed.
        package var run: @Sendable (_ duration: Nanoseconds, _ seed: UInt64) throws -> Figures

        /// An entry.
        package init(
            taskSet: String, device: String, policy: String, setting: String,
            run: @escaping @Sendable (_ duration: Nanoseconds, _ seed: UInt64) throws -> Figures
        ) {
            (self.taskSet, self.device, self.policy, self.setting) = (taskSet, device, policy, setting)
            self.run = run
        }
    }

    /// How long jobs are released.
    package static let duration = Nanoseconds.seconds(Int64(5))

    /// The medians over `seeds` runs of each entry, on all cores.
    package static func rows(
        _ entries: [Entry], seeds: Int, duration: Nanoseconds = duration
    ) throws -> [Row] {
        try concurrentMap(entries) { entry in
            Result {
                let runs = try (1...max(1, seeds)).map { try entry.run(duration, UInt64($0)) }
                func middle(_ value: (Figures) -> Double) -> Double { median(runs.map(value)) }
                return Row(
                    taskSet: entry.taskSet, device: entry.device, policy: entry.policy, setting: entry.setting,
                    jps: middle(\.jps), hpDMR: middle(\.hp.dmr), lpDMR: middle(\.lp.dmr),
                    acceptance: middle(\.lp.acceptance), hpResponseMs: middle(\.hp.responseMs.mean),
                    lpResponseMs: middle(\.lp.responseMs.mean))
            }
        }.map { try $0.get() }
    }

    /// The three baselines for tasks on any device.
    package static func baselines<Device: VirtualDevice & SendableMetatype>(
        _ problem: BaselineProblem<Device>, taskSet: String, device: String
    ) throws -> [Entry] {
        func entry(
            _ policy: String, _ setting: String,
            _ run: @escaping @Sendable (Nanoseconds, UInt64) throws -> BaselineResult
        ) -> Entry {
            Entry(taskSet: taskSet, device: device, policy: policy, setting: setting) { Figures(try run($0, $1)) }
        }
        let shares = problem.sharesOfGSLICE(seed: 1)
        let best = try problem.bestBatching(duration: .seconds(Int64(1)), seed: 1)
        let percent = shares.map { "\(Int(($0 * 100).rounded())) %" }.joined(separator: ", ")
        return [
            entry(GSLICE.name, "shares \(percent)") { try problem.gslice(shares: shares, duration: $0, seed: $1) },
            entry(WholeBatching.paperName, "1 lane, at most \(WholeBatching.paperLimit)") {
                try problem.paperBatching(duration: $0, seed: $1)
            },
            entry(WholeBatching.strictName, "\(best.lanes) lane\(best.lanes == 1 ? "" : "s"), at most \(best.limit)") {
                try problem.batching(limit: best.limit, lanes: best.lanes, duration: $0, seed: $1)
            },
        ]
    }

    /// DARIS by the paper's rules.
    package static func paper(
        _ tasks: [SimulatedTask], on gpu: GPUModel, partition: Partition, taskSet: String, device: String
    ) -> Entry {
        let kind = PartitionKind.standard(contexts: partition.contexts)
        let setting = Candidate(kind: kind, partition: partition).label
        return Entry(taskSet: taskSet, device: device, policy: "DARIS (paper)", setting: setting) { duration, seed in
            let simulation = try Simulation(
                tasks, on: gpu, partition: partition, kind: kind, options: Reproduction.options, seed: seed)
            return Figures(simulation.run(phases: simulation.randomPhases(seed: seed), duration: duration).summary)
        }
    }

    /// DARIS with batches of up to 64 and all rules of batching, on three streams of whole networks.
    package static func largeCard(
        _ tasks: [SimulatedTask], on gpu: GPUModel, taskSet: String, device: String
    ) -> Entry {
        let partition = Partition(contexts: 1, streams: 3, oversubscription: 1)
        let setting = Candidate(kind: .streams, partition: partition, stageScale: 0).label + ", batches of 64"
        return Entry(
            taskSet: taskSet, device: device, policy: "DARIS (large card)", setting: setting
        ) { duration, seed in
            var options = SchedulerOptions()
            options.batching = BatchGroup.jobLimit
            let simulation = try Simulation(
                tasks, on: gpu, partition: partition, kind: .streams, options: options, seed: seed)
            return Figures(simulation.run(phases: simulation.randomPhases(seed: seed), duration: duration).summary)
        }
    }

    /// The paper's four task sets on a card: the baselines, and DARIS on the partition that was best there; on a card with graphs as a
    /// check has them, with as many tasks as ask for 1.5 times the strict batching.
    package static func paperTaskSets(on gpu: GPUModel, named device: String) throws -> [Entry] {
        if gpu.graphs != nil { return try largeTaskSets(on: gpu, named: device) }
        var entries: [Entry] = []
        for (name, tasks, partition) in [PaperTaskSet.bestPartitions(on: gpu), [PaperTaskSet.mixed(on: gpu)]].joined() {
            entries += try baselines(BaselineProblem(tasks, on: gpu), taskSet: name, device: device)
            entries.append(paper(tasks, on: gpu, partition: partition, taskSet: name, device: device))
        }
        return entries
    }
}

extension Comparison {
    /// The task sets of a check, whole for all but the paper's DARIS.
    private static func largeTaskSets(on gpu: GPUModel, named device: String) throws -> [Entry] {
        let best = Dictionary(
            uniqueKeysWithValues: gpu.networkNames.map { ($0, Batching.best($0, on: gpu)?.jps ?? 0) })
        var entries: [Entry] = []
        for set in CheckTaskSet.paper {
            guard let batching = set.batchingThroughput(best: best) else { continue }
            let scaled = set.scaled(to: CheckTaskSet.overload * batching)
            let whole = scaled.tasks(on: gpu) { _ in 1 }
            entries += try baselines(BaselineProblem(whole, on: gpu), taskSet: set.name, device: device)
            let cut = scaled.tasks(on: gpu) { network in
                PaperTaskSet.allCases.first { $0.network == network }?.stages ?? 1
            }
            entries.append(
                paper(
                    cut, on: gpu, partition: Partition(contexts: 6, streams: 1, oversubscription: 6), taskSet: set.name,
                    device: device))
            entries.append(largeCard(whole, on: gpu, taskSet: set.name, device: device))
        }
        return entries
    }
}

extension CheckTaskSet {
    /// The tasks on a simulated GPU, each network in so many stages.
    fileprivate func tasks(on gpu: GPUModel, stages: (String) -> Int) -> [SimulatedTask] {
        groups.flatMap { group in
            (0..<group.high + group.low).compactMap { index in
                let specification = TaskSpecification(
                    name: "\(group.network)-\(index + 1)", period: .seconds(1 / group.rate),
                    priority: index < group.high ? .high : .low, overrun: .queue(limit: 1), afet: [])
                return SimulatedTask(
                    specification, network: group.network, on: gpu, stages: stages(group.network))
            }
        }
    }
}

extension PaperTaskSet {
    /// Each task set with the partition of the highest published throughput without HP misses.
    static func bestPartitions(on gpu: GPUModel) -> [(String, [SimulatedTask], Partition)] {
        allCases.map { taskSet in
            let rows = PublishedTable.rtx2080ti.rows.filter {
                $0.taskSet == taskSet.network && $0.hpMissPercent == 0
            }
            guard let best = rows.max(by: { $0.jps < $1.jps }) else {
                preconditionFailure("no published row of \(taskSet.network) is without HP misses")
            }
            return (taskSet.network, taskSet.tasks(on: gpu), best.partition)
        }
    }

    /// The paper's mixed task set, on six contexts that may use the whole device each.
    static func mixed(on gpu: GPUModel) -> (String, [SimulatedTask], Partition) {
        let counts = ["resnet18": (5, 11), "unet": (2, 3), "inception_v3": (3, 4)]
        let tasks = allCases.flatMap { taskSet in
            let (high, low) = counts[taskSet.network] ?? (0, 0)
            return PaperTaskSet(
                network: taskSet.network, highPriority: high, lowPriority: low, rate: taskSet.rate,
                stages: taskSet.stages
            ).tasks(on: gpu)
        }
        return ("mixed", tasks, Partition(contexts: 6, streams: 1, oversubscription: 6))
    }
}
