import DarisCore

/// The published configurations run again in the simulator.
package struct Reproduction: Sendable {
    /// A published row and what the simulator says of it.
    package struct Row: Hashable, Sendable, Codable {
        /// What was measured.
        package var published: PublishedTable.Row
        /// Completed jobs a second.
        package var jps: Double
        /// HP deadline miss rate in percent.
        package var hpMissPercent: Double
        /// LP deadline miss rate in percent; `nil` if no LP job was accepted.
        package var lpMissPercent: Double?
        /// LP acceptance in percent.
        package var lpAcceptPercent: Double
        /// Mean response times in ms.
        package var hpResponseMs: Double
        /// Mean response times in ms.
        package var lpResponseMs: Double

        /// (simulated − published) / published.
        package var relativeError: Double { (jps - published.jps) / published.jps }
    }

    /// How long each configuration is run.
    package static let duration = Nanoseconds.seconds(Int64(5))

    /// The scheduler of the paper: as Daris', but a task that has become too slow to fit anywhere never comes back.
    package static var options: SchedulerOptions {
        var options = SchedulerOptions()
        options.forgetting = false
        return options
    }

    /// Runs one configuration of a task set as it was run for the paper: for 5 s, with random phases.
    ///
    /// Jobs count if they were admitted within the 5 s.
    package static func run(
        _ row: PublishedTable.Row, of taskSet: PaperTaskSet, on gpu: GPUModel, duration: Nanoseconds = duration,
        seed: UInt64 = 1
    ) -> Row {
        let simulation: Simulation
        do {
            simulation = try Simulation(
                taskSet.tasks(on: gpu), on: gpu, partition: row.partition, kind: row.contexts == 1 ? .streams : .mps,
                options: options, seed: seed)
        } catch { preconditionFailure("a published configuration cannot be scheduled: \(error)") }
        let result = simulation.run(phases: simulation.randomPhases(seed: seed), duration: duration)
        let summary = result.summary
        return Row(
            published: row, jps: Double(result.inferencesStartedInTime) / duration.inSeconds,
            hpMissPercent: summary.hp.dmr * 100, lpMissPercent: summary.lp.accepted > 0 ? summary.lp.dmr * 100 : nil,
            lpAcceptPercent: summary.lp.acceptance * 100, hpResponseMs: summary.hp.responseMs.mean,
            lpResponseMs: summary.lp.responseMs.mean)
    }

    /// Runs one configuration with each of `seeds` seeds and takes the medians, as the published figures are medians over
    /// runs.
    package static func median(
        _ row: PublishedTable.Row, of taskSet: PaperTaskSet, on gpu: GPUModel, seeds: Int,
        duration: Nanoseconds = duration
    ) -> Row {
        let runs = (1...max(1, seeds)).map { run(row, of: taskSet, on: gpu, duration: duration, seed: UInt64($0)) }
        func middle(_ value: (Row) -> Double) -> Double { DarisSimulator.median(runs.map(value)) }
        let misses = runs.compactMap(\.lpMissPercent)
        return Row(
            published: row, jps: middle(\.jps), hpMissPercent: middle(\.hpMissPercent),
            lpMissPercent: misses.isEmpty ? nil : DarisSimulator.median(misses),
            lpAcceptPercent: middle(\.lpAcceptPercent), hpResponseMs: middle(\.hpResponseMs),
            lpResponseMs: middle(\.lpResponseMs))
    }

    /// Runs every published configuration, on all cores.
    package static func all(
        of table: PublishedTable = .rtx2080ti, on gpu: GPUModel, seeds: Int, duration: Nanoseconds = duration
    ) -> [Row] {
        concurrentMap(table.rows) { row in
            median(row, of: row.paperTaskSet, on: gpu, seeds: seeds, duration: duration)
        }
    }
}

extension PublishedTable.Row {
    /// The task set it was measured with.
    package var paperTaskSet: PaperTaskSet {
        guard let found = PaperTaskSet.allCases.first(where: { $0.network == taskSet }) else {
            preconditionFailure("there is no task set \(taskSet)")
        }
        return found
    }
}
