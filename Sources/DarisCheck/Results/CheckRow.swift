import DarisCore

/// A run of a task set under Daris, with the figures of the paper's tables. Rates are fractions from 0 to 1.
package struct CheckRow: Hashable, Sendable, Codable {
    /// The task set.
    package var taskSet: String
    /// The partition of the device, and the limit of batching.
    package var configuration: SweepConfiguration
    /// The time during which jobs were released.
    package var seconds: Double
    /// The demand in inferences a second.
    package var demand: Double
    /// The best throughput of batching alone, in inferences a second.
    package var bestBatching: Double
    /// Completed inferences a second.
    package var jps: Double
    /// Deadline miss rate of HP jobs.
    package var hpDMR: Double
    /// Deadline miss rate of accepted LP jobs; `nil` if none was accepted.
    package var lpDMR: Double?
    /// Accepted LP jobs / released ones.
    package var acceptance: Double
    /// Completed HP jobs.
    package var hpCompleted: Int
    /// Completed LP jobs.
    package var lpCompleted: Int
    /// Mean response time of HP jobs in ms; `nil` if none completed.
    package var hpResponseMs: Double?
    /// Mean response time of LP jobs in ms; `nil` if none completed.
    package var lpResponseMs: Double?
    /// Energy an inference in J, where the device counts it.
    package var joules: Double?
    /// Median time of a decision in ns.
    package var decisionNs: Int64
    /// Median host time of a launch in ns; `nil` if nothing was launched.
    package var launchNs: Int64?
    /// Median time between two stages on a lane in ns; `nil` if none followed another.
    package var handoverNs: Int64?
    /// The device's messages about failed stages, with their counts.
    package var errors: [String] = []

    /// The row of a run that has ended.
    package init(
        taskSet: String, configuration: SweepConfiguration, demand: Double, bestBatching: Double, summary: RunSummary,
        launches: Distribution, joules: Double? = nil, errors: [String] = []
    ) {
        self.taskSet = taskSet
        self.configuration = configuration
        self.demand = demand
        self.bestBatching = bestBatching
        self.joules = joules
        self.errors = errors
        let (hp, lp) = (summary.hp, summary.lp)
        seconds = summary.durationS
        jps = summary.jps
        hpDMR = hp.dmr
        lpDMR = lp.accepted > 0 ? lp.dmr : nil
        acceptance = lp.acceptance
        hpCompleted = hp.completed
        lpCompleted = lp.completed
        hpResponseMs = hp.responseMs.count > 0 ? hp.responseMs.mean : nil
        lpResponseMs = lp.responseMs.count > 0 ? lp.responseMs.mean : nil
        decisionNs = summary.decisionNs.p50
        launchNs = launches.count > 0 ? launches.percentile(50).rawValue : nil
        handoverNs = summary.handoverNs.count > 0 ? summary.handoverNs.p50 : nil
    }

    /// JPS relative to batching alone at its best.
    package var ratio: Double { bestBatching > 0 ? jps / bestBatching : 0 }

    /// Mean response time of HP jobs relative to that of LP jobs.
    package var responseRatio: Double? {
        guard let hpResponseMs, let lpResponseMs, lpResponseMs > 0 else { return nil }
        return hpResponseMs / lpResponseMs
    }

    /// Host time of a dispatch in µs: the sum of the medians of a decision and of a launch.
    package var dispatchMicroseconds: Double? { launchNs.map { Double(decisionNs + $0) / 1e3 } }

    /// The largest share of accepted LP jobs that may miss their deadlines.
    package static let lpLimit = 0.02

    /// Whether no HP job and fewer than 2 % of accepted LP jobs missed their deadlines.
    package var keepsDeadlines: Bool { hpCompleted > 0 && hpDMR == 0 && (lpDMR ?? 0) < Self.lpLimit }

    /// Whether a run is better than another of the same task set: deadlines first, then throughput.
    package func isBetter(than other: CheckRow) -> Bool {
        if keepsDeadlines != other.keepsDeadlines { return keepsDeadlines }
        if !keepsDeadlines, hpDMR != other.hpDMR { return hpDMR < other.hpDMR }
        return jps > other.jps
    }
}
