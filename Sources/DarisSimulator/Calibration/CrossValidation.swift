import DarisCore

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
