public import DarisCore

/// A run of a task set under Daris, as the paper tabulates it. Rates are fractions from 0 to 1.
public struct CheckRow: Hashable, Sendable, Codable {
    /// The task set.
    public var taskSet: String
    /// How the device was cut, and whether jobs were batched.
    public var configuration: SweepConfiguration
    /// How long jobs were released.
    public var seconds: Double
    /// Inferences a second that were asked for.
    public var demand: Double
    /// Inferences a second of batching alone at its best.
    public var bestBatching: Double
    /// Completed inferences a second.
    public var jps: Double
    /// Deadline miss rate of HP jobs.
    public var hpDMR: Double
    /// Deadline miss rate of accepted LP jobs; `nil` if none was accepted.
    public var lpDMR: Double?
    /// Accepted LP jobs / released ones.
    public var acceptance: Double
    /// Completed HP jobs.
    public var hpCompleted: Int
    /// Completed LP jobs.
    public var lpCompleted: Int
    /// Mean response time of HP jobs in ms; `nil` if none completed.
    public var hpResponseMs: Double?
    /// Mean response time of LP jobs in ms; `nil` if none completed.
    public var lpResponseMs: Double?
    /// Energy an inference in J, where the device counts it.
    public var joules: Double?
    /// Median time of a decision in ns.
    public var decisionNs: Int64
    /// Median time of the host for a launch in ns; `nil` if nothing was launched.
    public var launchNs: Int64?
    /// Median time between two stages on a lane in ns; `nil` if none followed another.
    public var handoverNs: Int64?
    /// What the device said of failed stages, and how often.
    public var errors: [String] = []

    /// The row of a run that has ended.
    public init(
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
    public var ratio: Double { bestBatching > 0 ? jps / bestBatching : 0 }

    /// Mean response time of HP jobs relative to that of LP jobs.
    public var responseRatio: Double? {
        guard let hpResponseMs, let lpResponseMs, lpResponseMs > 0 else { return nil }
        return hpResponseMs / lpResponseMs
    }

    /// Host time of a dispatch in µs: median of a decision and median of a launch.
    public var dispatchMicroseconds: Double? { launchNs.map { Double(decisionNs + $0) / 1e3 } }

    /// The largest share of accepted LP jobs that may miss their deadlines.
    public static let lpLimit = 0.02

    /// Whether no HP job and fewer than 2 % of accepted LP jobs missed their deadlines.
    public var keepsDeadlines: Bool { hpCompleted > 0 && hpDMR == 0 && (lpDMR ?? 0) < Self.lpLimit }

    /// Whether a run is better than another of the same task set: deadlines first, then throughput.
    public func isBetter(than other: CheckRow) -> Bool {
        if keepsDeadlines != other.keepsDeadlines { return keepsDeadlines }
        if !keepsDeadlines, hpDMR != other.hpDMR { return hpDMR < other.hpDMR }
        return jps > other.jps
    }
}
