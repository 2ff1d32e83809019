import DarisSimulator
import DarisReport

extension CheckResults {
    /// The claimed throughput relative to batching by the paper's definition.
    package static let paperClaim = 1.15
    /// The claimed throughput relative to batching by the strict definition.
    package static let strictClaim = 0.95
    /// The claimed mean response time of HP jobs relative to LP jobs.
    package static let responseClaim = 0.67
    /// The claimed host time of a dispatch in µs.
    package static let dispatchClaim = 10.0

    /// The verdicts on the claims so far. All claims use the same run of a task set, its best. They are about GPUs, so
    /// a rehearsal leaves them open.
    package func judged() -> [CheckVerdict] {
        guard isRehearsal else { return claims }
        return claims.map { verdict in
            var verdict = verdict
            verdict.state = .notMeasured
            if verdict.figure != Figure.none { verdict.figure = "rehearsal on a CPU: " + verdict.figure }
            return verdict
        }
    }

    private var claims: [CheckVerdict] {
        [outputClaim] + [
            taskSetClaim("HP DMR 0 and LP DMR below 2 % on the four task sets", holds: { $0.keepsDeadlines }) { row in
                "HP \(Figure.percent(row.hpDMR)) %, LP \(row.lpDMR.map { Figure.percent($0) + " %" } ?? Figure.none)"
            },
            taskSetClaim(
                "JPS at least \(Self.paperClaim) × \(BatchingDefinition.paper.rawValue) on the four task sets",
                isMeasured: { paperRatio($0) != nil }, holds: { paperRatio($0) ?? 0 >= Self.paperClaim }
            ) { row in paperRatio(row).map { Figure.fixed($0, decimals: 3) } ?? Figure.none },
            taskSetClaim(
                "JPS at least \(Self.strictClaim) × \(BatchingDefinition.strict.rawValue) on the four task sets",
                isMeasured: { strictRatio($0) != nil }, holds: { strictRatio($0) ?? 0 >= Self.strictClaim }
            ) { row in strictRatio(row).map { Figure.fixed($0, decimals: 3) } ?? Figure.none },
            taskSetClaim(
                "mean response of HP jobs at most \(Self.responseClaim) of that of LP jobs on the four task sets",
                isMeasured: { $0.responseRatio != nil }, holds: { $0.responseRatio ?? 2 <= Self.responseClaim }
            ) { row in row.responseRatio.map { Figure.fixed($0, decimals: 3) } ?? Figure.none },
            taskSetClaim(
                "host time of a dispatch at most \(Figure.plain(Self.dispatchClaim)) µs (median) on the four task sets",
                isMeasured: { $0.dispatchMicroseconds != nil },
                holds: { $0.dispatchMicroseconds ?? .infinity <= Self.dispatchClaim }
            ) { row in row.dispatchMicroseconds.map { Figure.fixed($0, decimals: 2) + " µs" } ?? Figure.none },
        ]
    }

    /// JPS relative to batching as it was measured in this check by the end, by a definition; `nil` if that was not measured of
    /// all networks of the task set.
    private func ratio(_ row: CheckRow, _ definition: BatchingDefinition) -> Double? {
        let set = CheckTaskSet.paper.first { $0.name == row.taskSet }
        return set?.batchingThroughput(best: best(definition).mapValues(\.jps)).map { row.jps / $0 }
    }

    private func paperRatio(_ row: CheckRow) -> Double? { ratio(row, .paper) }

    private func strictRatio(_ row: CheckRow) -> Double? { ratio(row, .strict) }

    private var outputClaim: CheckVerdict {
        let figures = outputs.map { "\($0.network) \(CheckReport.scientific($0.relativeDifference))" }
        let wanted = CheckNetwork.builtins.map(\.name)
        let isComplete = wanted.allSatisfy { name in outputs.contains { $0.network == name } }
        let state: CheckVerdict.State =
            outputs.contains { !$0.agrees } ? .notMet : isComplete ? .met : .notMeasured
        return CheckVerdict(
            claim: "outputs of the four networks within \(CheckReport.scientific(OutputRecord.limit)) of the CPU's",
            state: state, figure: figures.isEmpty ? Figure.none : figures.joined(separator: ", "))
    }

    /// A claim about the four task sets: not met if one breaks it, met if all were measured and keep it.
    private func taskSetClaim(
        _ claim: String, isMeasured: (CheckRow) -> Bool = { _ in true }, holds: (CheckRow) -> Bool,
        figure: (CheckRow) -> String
    ) -> CheckVerdict {
        let names = CheckTaskSet.paper.map(\.name)
        let rows = names.compactMap { best(of: $0) }.filter(isMeasured)
        let figures = rows.map { "\($0.taskSet) \(figure($0))" }
        let state: CheckVerdict.State =
            rows.contains { !holds($0) } ? .notMet : rows.count == names.count ? .met : .notMeasured
        return CheckVerdict(
            claim: claim, state: state,
            figure: figures.isEmpty ? Figure.none : figures.joined(separator: "; "))
    }
}

/// The verdict on a claim. A verdict of met or not met has a measured figure.
package struct CheckVerdict: Hashable, Sendable, Codable {
    /// The state of a claim.
    package enum State: String, Hashable, Sendable, Codable {
        /// It was measured and holds.
        case met
        /// It was measured and does not hold.
        case notMet = "not met"
        /// It was not measured, or not completely.
        case notMeasured = "not measured"
    }

    /// The claim.
    package var claim: String
    /// The state of the claim.
    package var state: State
    /// The measured figure.
    package var figure: String

    /// A verdict.
    package init(claim: String, state: State, figure: String) {
        self.claim = claim
        self.state = state
        self.figure = figure
    }
}
