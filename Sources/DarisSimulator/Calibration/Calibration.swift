import Dispatch
import Synchronization

public import DarisCore

/// Fits a device's parameters to the published measurements: a deterministic search that tries one parameter after
/// another with steps that grow where they help and shrink where they do not, and seeded changes of several at once in
/// between. The same input gives the same device.
public struct Calibration: Sendable {
    /// How far the search has come.
    public struct Progress: Sendable {
        /// Trials done.
        public var trial: Int
        /// Trials in all.
        public var trials: Int
        /// The least loss so far.
        public var loss: Double
    }

    /// The rows to fit to.
    public let rows: [PublishedTable.Row]
    /// The task sets whose rows and parameters are fitted.
    public let taskSets: [PaperTaskSet]
    /// How long each row is simulated in a trial.
    public let duration: Nanoseconds

    /// A calibration against rows of task sets.
    public init(
        rows: [PublishedTable.Row], taskSets: [PaperTaskSet] = PaperTaskSet.allCases,
        duration: Nanoseconds = .milliseconds(2500)
    ) {
        self.taskSets = taskSets
        self.rows = rows.filter { row in taskSets.contains { $0.network == row.taskSet } }
        self.duration = duration
    }

    /// The device that fits best of those tried, starting at `start`.
    ///
    /// - Parameter report: told after each trial.
    public func fit(
        from start: GPUModel, trials: Int, seed: UInt64 = 1, report: (Progress) -> Void = { _ in }
    ) -> GPUModel {
        let parameters = CalibrationParameter.sharing + taskSets.flatMap { CalibrationParameter.network($0.network) }
        var random = SplitMix64(seed: seed)
        var steps = [Double](repeating: 0.12, count: parameters.count)
        var best = start
        var leastLoss = loss(of: best)
        var trial = 0
        func attempt(_ candidate: GPUModel) -> Bool {
            trial += 1
            let loss = loss(of: candidate)
            defer { report(Progress(trial: trial, trials: trials, loss: leastLoss)) }
            guard loss < leastLoss else { return false }
            (best, leastLoss) = (candidate, loss)
            return true
        }
        func moved(_ model: inout GPUModel, _ index: Int, by share: Double) {
            let parameter = parameters[index]
            let value = parameter.read(model) * (1 + share)
            parameter.write(&model, min(max(value, parameter.range.lowerBound), parameter.range.upperBound))
        }
        while trial < trials {
            for index in parameters.indices where trial < trials {
                var (up, down) = (best, best)
                moved(&up, index, by: steps[index])
                moved(&down, index, by: -steps[index])
                let helped = attempt(up) || (trial < trials && attempt(down))
                steps[index] = helped ? min(steps[index] * 1.3, 0.4) : max(steps[index] * 0.6, 0.004)
                guard trial < trials else { break }
                var several = best
                for other in parameters.indices where random.next() % 4 == 0 {
                    moved(&several, other, by: steps[other] * Double(Int(random.next() % 2001) - 1000) / 500)
                }
                _ = attempt(several)
            }
        }
        return best
    }

    /// How badly a device fits the rows, as calibration weighs it: per task set the mean over its rows of the error of
    /// JPS (logarithmic, at most 0.4), of HP misses where there were none, and a little of LP misses; and the order of the
    /// configurations.
    public func loss(of gpu: GPUModel) -> Double {
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
            guard let taskSet = PaperTaskSet.allCases.first(where: { $0.network == row.taskSet }) else {
                preconditionFailure("there is no task set \(row.taskSet)")
            }
            return Reproduction.run(row, of: taskSet, on: gpu, duration: duration, seed: seed)
        }
    }
}

/// The results of `body` for each element, in their order, worked out on all cores.
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
    /// Whether the row's figures add up for this task set: completed jobs are the HP releases and the LP jobs accepted.
    /// A few rows' do not, as if other numbers of tasks had been run; they weigh less in the fit.
    public func isConsistent(with taskSet: PaperTaskSet) -> Bool {
        if hpMissPercent > 50 { return true }
        let expected = taskSet.highPriorityRate + lpAcceptPercent / 100 * taskSet.lowPriorityRate
        return abs(jps - expected) < 0.05 * jps
    }
}
