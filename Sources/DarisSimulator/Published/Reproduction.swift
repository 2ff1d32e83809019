import DarisCore

/// The published configurations, run again in the simulator.
package struct Reproduction: Sendable {
    /// A published row with its simulated figures.
    package struct Row: Hashable, Sendable, Codable {
        /// The published figures.
        package var published: PublishedTable.Row
        /// Completed jobs a second.
        package var jps: Double
        /// HP deadline miss rate in percent.
        package var hpMissPercent: Double
        /// LP deadline miss rate in percent; `nil` if no LP job was accepted.
        package var lpMissPercent: Double?
        /// LP acceptance in percent.
        package var lpAcceptPercent: Double
        /// Mean HP response time in ms.
        package var hpResponseMs: Double
        /// Mean LP response time in ms.
        package var lpResponseMs: Double

        /// (simulated − published) / published.
        package var relativeError: Double { (jps - published.jps) / published.jps }
    }

    /// The simulated time of each configuration.
    package static let duration = Nanoseconds.seconds(Int64(5))

    /// The options of the paper's scheduler: without forgetting, a task that has become too slow to fit never comes
    /// back.
    package static var options: SchedulerOptions {
        var options = SchedulerOptions()
        options.forgetting = false
        return options
    }

    /// Runs one configuration of a task set as in the paper: for 5 s, with random phases.
    ///
    /// Jobs count if they were admitted within the 5 s.
    package static func run(
        _ row: PublishedTable.Row, of taskSet: PaperTaskSet, on gpu: GPUModel, duration: Nanoseconds = duration,
        seed: UInt64 = 1, options: SchedulerOptions = Reproduction.options
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

    /// Runs one configuration with each of `seeds` seeds, and returns the medians, like the published figures.
    package static func median(
        _ row: PublishedTable.Row, of taskSet: PaperTaskSet, on gpu: GPUModel, seeds: Int,
        duration: Nanoseconds = duration, options: SchedulerOptions = Reproduction.options
    ) -> Row {
        let runs = (1...max(1, seeds)).map {
            run(row, of: taskSet, on: gpu, duration: duration, seed: UInt64($0), options: options)
        }
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
    /// The task set of the row.
    package var paperTaskSet: PaperTaskSet {
        guard let found = PaperTaskSet.allCases.first(where: { $0.network == taskSet }) else {
            preconditionFailure("there is no task set \(taskSet)")
        }
        return found
    }
}

/// The agreement of the simulated rows of one task set with the published ones.
package struct ReproductionSummary: Hashable, Sendable, Codable {
    /// The task set: the name of its network.
    package var taskSet: String
    /// Rows compared.
    package var rows: Int
    /// Median of |simulated − published| / published of JPS over STR and MPS rows.
    package var medianErrorSTRAndMPS: Double
    /// The same over MPS+STR rows.
    package var medianErrorMixed: Double
    /// Rows whose published HP DMR is 0.
    package var rowsWithoutHPMisses: Int
    /// Of these, the rows with a simulated HP DMR of at most 1 %.
    package var rowsWithoutHPMissesSimulated: Int
    /// Spearman's rank correlation of JPS over the rows.
    package var rankCorrelation: Double
    /// Rows whose published figures do not add up for the task set.
    package var inconsistentRows: Int

    /// A summary of rows of one task set.
    package init(_ rows: [Reproduction.Row], of taskSet: PaperTaskSet) {
        func error(_ isMixed: Bool) -> Double {
            median(rows.filter { ($0.published.policy == "MPS+STR") == isMixed }.map { abs($0.relativeError) })
        }
        self.taskSet = taskSet.network
        self.rows = rows.count
        medianErrorSTRAndMPS = error(false)
        medianErrorMixed = error(true)
        let without = rows.filter { $0.published.hpMissPercent == 0 }
        rowsWithoutHPMisses = without.count
        rowsWithoutHPMissesSimulated = without.count { $0.hpMissPercent <= 1 }
        rankCorrelation = DarisSimulator.rankCorrelation(rows.map(\.published.jps), rows.map(\.jps))
        inconsistentRows = rows.count { !$0.published.isConsistent(with: taskSet) }
    }
}

/// Spearman's rank correlation of two lists of equal length, ties at their mean rank; 0 if one of them is constant.
package func rankCorrelation(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count, "two lists of different length have no correlation")
    guard a.count > 1 else { return 0 }
    let (x, y) = (ranks(a), ranks(b))
    let mean = Double(a.count - 1) / 2
    var (product, square, other) = (0.0, 0.0, 0.0)
    for index in x.indices {
        product += (x[index] - mean) * (y[index] - mean)
        square += (x[index] - mean) * (x[index] - mean)
        other += (y[index] - mean) * (y[index] - mean)
    }
    return square > 0 && other > 0 ? product / (square * other).squareRoot() : 0
}

/// The rank of each value from 0 on; equal values have the mean of their ranks.
private func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
        var end = start
        while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
        for place in start...end { ranks[order[place]] = Double(start + end) / 2 }
        start = end + 1
    }
    return ranks
}

/// The median; 0 of an empty list.
package func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
