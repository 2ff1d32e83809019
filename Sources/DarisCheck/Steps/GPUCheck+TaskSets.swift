import DarisSimulator
import DarisCore

/// Task sets on the best partitions, without batching, and on many partitions.
extension GPUCheck {
    /// How often each task set runs on each partition.
    static var repetitions: Int { 3 }

    func runTaskSets() throws {
        guard !sets.isEmpty else { return skipTaskSets() }
        let configurations =
            options.isRehearsal
            ? PartitionChoice.unbatched([.cores])
            : PartitionChoice.best(
                2, of: PartitionChoice.candidates.filter { usableKinds.contains($0.kind) }, forecast: forecast)
        let repetitions = options.isRehearsal ? 1 : Self.repetitions
        var left = sets.count * configurations.count
        var isComplete = true
        for configuration in configurations {
            for set in sets {
                defer { left -= 1 }
                guard !isUp else {
                    isComplete = false
                    continue
                }
                guard let baseline = strictBaseline(of: set) else {
                    note("\(set.name): batching alone was not measured of all its networks")
                    isComplete = false
                    continue
                }
                let demand = CheckTaskSet.overload * baseline.jps
                let share = timeLeft.inSeconds / Double(left * (repetitions + 2))
                let run = CheckRun(
                    set: set, configuration: configuration, demand: demand, baseline: baseline,
                    duration: duration(of: set, demand: demand, share: share, most: 3), repetitions: repetitions)
                let count = try self.run(run) { results.taskSets.append($0) }
                if count < repetitions { isComplete = false }
            }
        }
        finish(all: isComplete, measured: results.taskSets.count)
    }

    /// The mean share of batching that the task sets reach on a partition in a model of this card, with deadlines kept: half of it counts
    /// where they are not. `nil` for a card without a model.
    private func forecast(_ configuration: SweepConfiguration) -> Double? {
        guard let gpu = CardPredictions.model(of: results.deviceName) else { return nil }
        var shares: [Double] = []
        for set in sets {
            guard let baseline = strictBaseline(of: set) else { return nil }
            var taskSet = set.taskSet(
                configuration, device: "card.json", demand: CheckTaskSet.overload * baseline.jps,
                duration: .seconds(Int64(1)), networks: options.networks)
            if configuration.largestBatch > 1 { taskSet.scheduler.batching = configuration.largestBatch }
            guard let summary = try? TaskSetSimulation(taskSet, on: gpu).run().summary else { return nil }
            let keeps = summary.hp.dmr == 0 && summary.lp.dmr < CheckRow.lpLimit
            shares.append(summary.jps / baseline.jps * (keeps ? 1 : 0.5))
        }
        return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
    }

    /// The first task set on all partitions, then the others, with a demand of 1.5 times batches of one. Batch 1 is measured here if
    /// it was not before.
    func runUnbatched() throws {
        guard !sets.isEmpty else { return skipTaskSets() }
        let configurations = PartitionChoice.unbatched(usableKinds)
        var left = sets.count * configurations.count
        var isComplete = true
        for set in sets {
            for configuration in configurations where obstacles[configuration.kind] == nil {
                defer { left -= 1 }
                guard !isUp, let (baseline, most) = try singleBaseline(of: set) else {
                    isComplete = false
                    continue
                }
                let demand = CheckTaskSet.overload * most
                let share = timeLeft.inSeconds / Double(left * 3)
                let run = CheckRun(
                    set: set, configuration: configuration, demand: demand, baseline: baseline,
                    duration: duration(of: set, demand: demand, share: share, most: 2))
                if try self.run(run, keep: { results.unbatched.append($0) }) == 0 { isComplete = false }
            }
        }
        finish(all: isComplete, measured: results.unbatched.count)
    }

    /// One inference at a time as the baseline of a task set, and the most that batches of one make on any number of lanes.
    private func singleBaseline(of set: CheckTaskSet) throws -> (Baseline, most: Double)? {
        let lanes = BatchingPlan.lanes(isRehearsal: options.isRehearsal)
        for network in options.networks where set.groups.contains(where: { $0.network == network.name }) {
            _ = try measure(.init(network: network, batch: 1, stages: 1), lanes: lanes, shareOf: 8)
        }
        let loops = results.batching.filter { $0.batch == 1 && $0.stages == 1 }
        let most = Dictionary(loops.map { ($0.network, $0.jps) }) { max($0, $1) }
        guard let single = capacity(of: set, .single), let total = set.batchingThroughput(best: most) else {
            note("\(set.name): batch 1 was not measured of all its networks")
            return nil
        }
        let baseline = Baseline(
            jps: single, name: BatchingDefinition.single.rawValue, paper: capacity(of: set, .paper))
        return (baseline, total)
    }

    /// The first task set on many partitions, with batches and without: first the likely best of each kind in turn, then around the
    /// best so far, until the time is up.
    func sweepPartitions() throws {
        guard let set = sets.first, let baseline = strictBaseline(of: set) else {
            note("batching alone was not measured, so there is nothing to scale the rates by")
            results[.sweep].state = .failed
            return
        }
        if !options.batches { note("dynamic batching was not measured: a CPU runs jobs one by one") }
        var order = SweepOrder(
            kinds: usableKinds, batching: options.batches, limit: options.isRehearsal ? 4 : 16)
        let demand = CheckTaskSet.overload * baseline.jps
        let duration = duration(of: set, demand: demand, share: timeLeft.inSeconds / 12, most: 2)
        while !isUp, let next = order.next(best: bestConfiguration(of: set.name)) {
            guard obstacles[next.kind] == nil else { continue }
            let run = CheckRun(
                set: set, configuration: next, demand: demand, baseline: baseline, duration: duration)
            _ = try self.run(run) { results.sweep.append($0) }
        }
        // The search around the best may end at any time, so that does not count as cut off.
        finish(all: order.hasSeenAllKinds, measured: results.sweep.count)
    }

    /// The best configuration of the search so far.
    private func bestConfiguration(of taskSet: String) -> SweepConfiguration? {
        results.sweep.filter { $0.taskSet == taskSet && obstacles[$0.configuration.kind] == nil }
            .sorted { $0.isBetter(than: $1) }.first?.configuration
    }
}
