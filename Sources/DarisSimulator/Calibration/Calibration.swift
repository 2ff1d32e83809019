import DarisCore
import Dispatch
import Synchronization

/// A fit of a device's parameters to the published measurements. The same input gives the same device.
package struct Calibration: Sendable {
    /// The progress of the search.
    package struct Progress: Sendable {
        /// Trials done.
        package var trial: Int
        /// Trials in all.
        package var trials: Int
        /// The least loss so far.
        package var loss: Double
    }

    /// The rows to fit to.
    package let rows: [PublishedTable.Row]
    /// The task sets whose rows and parameters are fitted.
    package let taskSets: [PaperTaskSet]
    /// The simulated time of each row in a trial.
    package let duration: Nanoseconds

    /// A calibration against rows of task sets.
    package init(
        rows: [PublishedTable.Row], taskSets: [PaperTaskSet] = PaperTaskSet.allCases,
        duration: Nanoseconds = .milliseconds(2500)
    ) {
        self.taskSets = taskSets
        self.rows = rows.filter { row in taskSets.contains { $0.network == row.taskSet } }
        self.duration = duration
    }

    /// The device that fits best of those tried, starting at `start`.
    ///
    /// - Parameter report: Called after each trial.
    package func fit(
        from start: GPUModel, trials: Int, seed: UInt64 = 1, report: (Progress) -> Void = { _ in }
    ) -> GPUModel {
        ParameterSearch(
            parameters: CalibrationParameter.sharing + taskSets.flatMap { CalibrationParameter.network($0.network) },
            trials: trials, seed: seed
        ).minimise(from: start, loss: loss, report: report)
    }

    /// The loss of a device on the rows: for each task set the mean over its rows of the error of JPS (logarithmic, at
    /// most 0.4), of HP misses where the paper has none, and a little of LP misses; and the order of the
    /// configurations.
    package func loss(of gpu: GPUModel) -> Double {
        let results = Self.simulate(rows, on: gpu, duration: duration)
        return taskSets.reduce(0) { sum, taskSet in
            let own = results.filter { $0.published.taskSet == taskSet.network }
            guard !own.isEmpty else { return sum }
            let rowLoss = own.reduce(0) { $0 + loss(of: $1, in: taskSet) } / Double(own.count)
            let order = rankCorrelation(own.map(\.published.jps), own.map { ($0.jps / 2).rounded() })
            return sum + rowLoss + 0.7 * max(0, 0.96 - order)
        }
    }

    private func loss(of row: Reproduction.Row, in taskSet: PaperTaskSet) -> Double {
        let published = row.published
        let ratio = max(row.jps, 1) / published.jps
        var loss = min(max(ratio, 1 / ratio) - 1, 0.4) * (published.isConsistent(with: taskSet) ? 1 : 0.3)
        if published.policy == "MPS+STR" { loss *= 0.7 }
        if published.hpMissPercent == 0 && row.hpMissPercent > 1 { loss += 0.3 }
        if let miss = published.lpMissPercent { loss += min(abs(miss - (row.lpMissPercent ?? 0)), 10) / 400 }
        return loss
    }

    /// Simulates rows, on all cores.
    static func simulate(
        _ rows: [PublishedTable.Row], on gpu: GPUModel, duration: Nanoseconds = Reproduction.duration, seed: UInt64 = 1
    ) -> [Reproduction.Row] {
        concurrentMap(rows) { row in
            Reproduction.run(row, of: row.paperTaskSet, on: gpu, duration: duration, seed: seed)
        }
    }

    /// The start of the search: costs from the batching table and data sheets, with typical values for the rest.
    ///
    /// The numbers of kernels are those of the networks in PyTorch, where launching one takes 14 µs.
    package static func firstGuess(from batching: [PublishedTable.BatchingRow] = PublishedTable.rtx2080ti.batching)
        -> GPUModel
    {
        let processors = 68
        let usable = 0.85 * Double(processors)
        let kernels = ["resnet18": 68.0, "resnet50": 175, "unet": 50, "inception_v3": 313]
        let memory = ["resnet18": 120.0, "resnet50": 220, "unet": 150, "inception_v3": 220]
        var networks: [String: NetworkCost] = [:]
        for (name, count) in kernels {
            let rates = batching.filter { $0.network == name }
            guard let single = rates.first(where: { $0.batch == 1 })?.jps, let most = rates.map(\.jps).max() else {
                continue
            }
            let work = usable / most * 1e3
            networks[name] = NetworkCost(
                launchMs: count * 0.014, workSMms: work, parallelism: work * single / 1e3, batchedParallelism: usable,
                bandwidthShare: 0.9, memoryMiB: memory[name] ?? 200)
        }
        return GPUModel(
            title: "NVIDIA GeForce RTX 2080 Ti",
            source: "a first guess from published batching throughput", isMeasured: false, processors: processors,
            granularity: 2, memoryMiB: 11264, peakTFLOPS: 13.45, bandwidthGBs: 616,
            sharing: .init(
                noise: 0.1, stageOverheadMs: 0.03, windowOverlap: 0.5, kernelGap: 0.1, streamInterference: 0.1,
                launchLanes: 4, launchCrowding: 0.1, queueLanes: 12, queueCrowding: 0.5),
            networks: networks)
    }
}

/// The results of `body` for each element, in order, computed on all cores.
func concurrentMap<Element: Sendable, Result: Sendable>(
    _ elements: [Element], _ body: @Sendable (Element) -> Result
) -> [Result] {
    let results = Mutex([Result?](repeating: nil, count: elements.count))
    DispatchQueue.concurrentPerform(iterations: elements.count) { index in
        let result = body(elements[index])
        results.withLock { $0[index] = result }
    }
    return results.withLock { $0.compactMap { $0 } }
}

extension PublishedTable.Row {
    /// Whether the row's figures add up for this task set: the completed jobs are the HP releases and the accepted LP
    /// jobs. A few rows do not add up, as if other numbers of tasks had been run; they weigh less in the fit.
    package func isConsistent(with taskSet: PaperTaskSet) -> Bool {
        if hpMissPercent > 50 { return true }
        let expected = taskSet.highPriorityRate + lpAcceptPercent / 100 * taskSet.lowPriorityRate
        return abs(jps - expected) < 0.05 * jps
    }
}

/// A cross-validation: fits on a part of the published rows predict the rest, so that no row is judged by a fit to it.
package struct CrossValidation: Sendable {
    /// The result of one fold.
    package struct Fold: Sendable {
        /// The device fitted to the rows outside the fold.
        package var gpu: GPUModel
        /// The rows of the fold, simulated on it.
        package var heldOut: [Reproduction.Row]
    }

    /// The number of folds.
    package let folds: Int
    /// Trials of each fit.
    package let trials: Int

    /// A cross-validation.
    package init(folds: Int, trials: Int) {
        self.folds = folds
        self.trials = trials
    }

    /// The fold of each row. The rows of each task set and policy are dealt out in turn, so that every fold has some of
    /// each.
    package static func assignment(_ rows: [PublishedTable.Row], folds: Int) -> [Int] {
        var counts: [String: Int] = [:]
        return rows.map { row in
            let group = "\(row.taskSet) \(row.policy)"
            defer { counts[group, default: 0] += 1 }
            return counts[group, default: 0] % folds
        }
    }

    /// Runs one fold: fits from the first guess to the other folds' rows, then simulates its own.
    package func run(
        fold: Int, of table: PublishedTable = .rtx2080ti, seeds: Int, report: (Calibration.Progress) -> Void = { _ in }
    ) -> Fold {
        let assignment = Self.assignment(table.rows, folds: folds)
        let seen = zip(table.rows, assignment).filter { $0.1 != fold }.map(\.0)
        let gpu = Calibration(rows: seen).fit(from: Calibration.firstGuess(), trials: trials, report: report)
        return Fold(gpu: gpu, heldOut: Self.heldOut(fold: fold, of: folds, on: gpu, table: table, seeds: seeds))
    }

    /// The rows of a fold, simulated on a device.
    package static func heldOut(
        fold: Int, of folds: Int, on gpu: GPUModel, table: PublishedTable = .rtx2080ti, seeds: Int
    ) -> [Reproduction.Row] {
        let assignment = assignment(table.rows, folds: folds)
        let own = zip(table.rows, assignment).filter { $0.1 == fold }.map(\.0)
        return concurrentMap(own) { Reproduction.median($0, of: $0.paperTaskSet, on: gpu, seeds: seeds) }
    }
}
