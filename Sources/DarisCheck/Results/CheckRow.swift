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
    /// What JPS is compared with, in inferences a second: `baseline`.
    package var bestBatching: Double
    /// What `bestBatching` is: a definition of batching, or another check's figure; `nil` in format 1.
    package var baseline: String?
    /// The throughput of batching by the paper's definition, in inferences a second; `nil` if it was not measured.
    package var paperBatching: Double?
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
    /// Dispatches, each of one or more jobs; `nil` in format 1, as all that follow.
    package var dispatches: Int?
    /// Releases that were skipped, since the task's previous job was in flight.
    package var skips: Int?
    /// Jobs admitted by another context than their task's own.
    package var migrations: Int?
    /// The dispatches by network and stage.
    package var stages: [StageBatches]?
    /// The device's clocks and power meanwhile.
    package var load: DeviceLoad?
    /// The number of the repetition, counted from 1; `nil` if there is one run only.
    package var repetition: Int?
    /// The device's messages about failed stages, with their counts.
    package var errors: [String] = []

    /// The row of a run that has ended.
    package init(
        taskSet: String, configuration: SweepConfiguration, demand: Double, baseline: Baseline, summary: RunSummary,
        launches: Distribution, stages: [StageBatches], joules: Double? = nil, load: DeviceLoad? = nil,
        repetition: Int? = nil, errors: [String] = []
    ) {
        self.taskSet = taskSet
        self.configuration = configuration
        self.demand = demand
        bestBatching = baseline.jps
        self.baseline = baseline.name
        paperBatching = baseline.paper
        self.joules = joules
        self.stages = stages
        self.load = load
        self.repetition = repetition
        self.errors = errors
        dispatches = stages.reduce(0) { $0 + $1.dispatches }
        skips = summary.jobs.skipped
        migrations = summary.migrations
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

    /// JPS relative to `bestBatching`.
    package var ratio: Double { bestBatching > 0 ? jps / bestBatching : 0 }

    /// JPS relative to batching by the paper's definition.
    package var paperRatio: Double? { paperBatching.map { $0 > 0 ? jps / $0 : 0 } }

    /// Jobs a dispatch, over all stages.
    package var meanBatch: Double? {
        guard let stages, let dispatches, dispatches > 0 else { return nil }
        return Double(stages.reduce(0) { $0 + $1.jobs }) / Double(dispatches)
    }

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

/// What the throughput of a run is compared with.
package struct Baseline: Hashable, Sendable {
    /// Inferences a second.
    package var jps: Double
    /// What that is.
    package var name: String
    /// Batching by the paper's definition, in inferences a second, if it was measured.
    package var paper: Double?

    /// A baseline.
    package init(jps: Double, name: String, paper: Double? = nil) {
        self.jps = jps
        self.name = name
        self.paper = paper
    }
}
