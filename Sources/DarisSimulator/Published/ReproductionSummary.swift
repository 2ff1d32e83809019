/// How well simulated rows of one task set agree with the published ones.
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
    /// Those of them whose simulated HP DMR is at most 1 %.
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
