import DarisCore
import DarisRuntime

/// Steps 6 and 7.
extension GPUCheck {
    func sweepPartitions() throws {
        guard let set = sets.first, let capacity = capacity(of: set) else {
            note("batching alone was not measured, so there is nothing to scale the rates by")
            results[.sweep].state = .failed
            return
        }
        if !options.batches { note("dynamic batching was not measured: a CPU runs jobs one by one") }
        var order = SweepOrder(
            kinds: usableKinds, batching: options.batches, limit: options.isRehearsal ? 4 : 16)
        let duration = duration(of: set, capacity: capacity, share: timeLeft.inSeconds / 12, most: 2)
        while !isUp, let next = order.next(best: bestConfigurations(of: set.name).first) {
            guard obstacles[next.kind] == nil else { continue }
            if let row = try run(set, next, capacity: capacity, duration: duration) {
                results.sweep.append(row)
                try save()
            }
        }
        // The search around the best may end at any time, so that does not count as cut off.
        finish(all: order.hasSeenAllKinds, measured: results.sweep.count)
    }

    func runTaskSets() throws {
        let measured = bestConfigurations(of: sets.first?.name ?? "").prefix(3)
        var fallback = SweepOrder(kinds: usableKinds, batching: false, limit: 16)
        let configurations = measured.isEmpty ? [fallback.next(best: nil)].compactMap { $0 } : Array(measured)
        guard !sets.isEmpty else {
            note("none of the paper's task sets can be made of \(options.networks.map(\.name).joined(separator: ", "))")
            results[.taskSets].state = .skipped
            return
        }
        let count = Double(sets.count * configurations.count)
        let share = timeLeft.inSeconds / count / 2
        var isComplete = true
        for configuration in configurations {
            for set in sets where obstacles[configuration.kind] == nil {
                guard !isUp else {
                    isComplete = false
                    break
                }
                guard let capacity = capacity(of: set) else {
                    note("\(set.name): batching alone was not measured of all its networks")
                    continue
                }
                let duration = duration(of: set, capacity: capacity, share: share, most: 5)
                if let row = try run(set, configuration, capacity: capacity, duration: duration) {
                    results.taskSets.append(row)
                    try save()
                }
            }
        }
        finish(all: isComplete, measured: results.taskSets.count)
    }

    private var sets: [CheckTaskSet] { CheckTaskSet.sets(of: options.networks) }

    private func capacity(of set: CheckTaskSet) -> Double? {
        set.batchingThroughput(best: results.bestBatching.mapValues(\.jps))
    }

    /// The time during which jobs are released: `share` seconds, but at most `most` seconds, and at least a quarter of
    /// a second and three periods of every task.
    private func duration(of set: CheckTaskSet, capacity: Double, share: Double, most: Double) -> Nanoseconds {
        let period = set.longestPeriod(demand: CheckTaskSet.overload * capacity)
        return .seconds(max(0.25, 3 * period, min(most, share)))
    }

    /// The configurations of the sweep, the best first.
    private func bestConfigurations(of taskSet: String) -> [SweepConfiguration] {
        results.sweep.filter { $0.taskSet == taskSet && obstacles[$0.configuration.kind] == nil }
            .sorted { $0.isBetter(than: $1) }.map(\.configuration)
    }

    /// Runs a task set. Returns `nil` and adds a note if it cannot run.
    private func run(
        _ set: CheckTaskSet, _ configuration: SweepConfiguration, capacity: Double, duration: Nanoseconds
    ) throws -> CheckRow? {
        say("\(set.name) on \(configuration.label)")
        let demand = CheckTaskSet.overload * capacity
        var taskSet = set.taskSet(
            configuration, device: options.device, demand: demand, duration: duration, networks: options.networks)
        if configuration.largestBatch > 1 { taskSet.scheduler.batching = configuration.largestBatch }
        let begin = clock.now
        do {
            var preparation = Preparation.Options()
            preparation.workerStart = CheckOptions.workerStart
            preparation.force = true
            preparation.cache = options.cache
            preparation.progress = options.detail
            let prepared = try Preparation.prepare(taskSet, options: preparation)
            let (executor, device) = prepared.timedExecutor(drainLimit: .seconds(Int64(5)))
            let before = energy.joules
            let outcome = interruption.during({ executor.run() }, stop: { executor.interrupt() })
            let summary = outcome.summary
            let joules = energy.joules(since: before, inferences: Int(summary.jps * summary.elapsedS))
            if summary.jobs.inFlight == 0 || prepared.device.canShutDownWhileHanging { prepared.device.shutDown() }
            if summary.jobs.inFlight > 0 { drop(configuration.kind, "jobs of \(set.name) did not end") }
            guard !outcome.wasInterrupted else { return nil }
            return CheckRow(
                taskSet: set.name, configuration: configuration, demand: demand, bestBatching: capacity,
                summary: summary, launches: device.launchTimes, joules: joules,
                errors: outcome.errors.map { "\($0.task): \($0.message) (\($0.count) times)" })
        } catch {
            dropIfHung(configuration.kind, since: begin)
            note("\(set.name) on \(configuration.label): \(error)")
            return nil
        }
    }
}
