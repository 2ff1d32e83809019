import DarisConfiguration
import DarisCore

extension MeasuredCheck {
    /// Figures of a run that are compared. Rates are fractions from 0 to 1.
    package struct Figures: Hashable, Sendable, Codable {
        package var jps: Double
        package var hpDMR: Double
        package var lpDMR: Double?
        package var acceptance: Double
        package var hpResponseMs: Double?
        package var lpResponseMs: Double?
    }

    /// A run of the check and its simulation.
    package struct Reproduced: Hashable, Sendable, Codable {
        package var taskSet: String
        /// Such as `green 6×1 OS 2, batches of 32`.
        package var configuration: String
        package var isMPS: Bool
        package var largestBatch: Int
        package var measured: Figures
        /// Medians over the seeds.
        package var simulated: Figures

        /// (simulated − measured) / measured.
        package var jpsError: Double { simulated.jps / measured.jps - 1 }
        /// The same of the mean response of HP jobs.
        package var hpResponseError: Double? {
            guard let simulated = simulated.hpResponseMs, let measured = measured.hpResponseMs else { return nil }
            return simulated / measured - 1
        }
        /// Whether LP misses are of the same class: below 2 %, to 20 %, or above.
        package var missesAgree: Bool {
            func level(_ rate: Double?) -> Int { (rate ?? 0) < 0.02 ? 0 : (rate ?? 0) <= 0.2 ? 1 : 2 }
            return level(measured.lpDMR) == level(simulated.lpDMR)
        }
    }

    /// Simulates all runs of the check, on all cores: with the same stages, and without the rules of batching that came after it.
    ///
    /// - Parameter seeds: The number of runs of each, whose medians are taken.
    /// - Throws: `SimulationError` with a network whose cost is unknown.
    package func reproduced(on gpu: GPUModel, seeds: Int) throws(SimulationError) -> [Reproduced] {
        let stages = stageCounts
        let results = concurrentMap(runs) { run -> Result<Reproduced, SimulationError> in
            do throws(SimulationError) {
                var summaries: [RunSummary] = []
                for seed in 1...max(1, seeds) {
                    summaries.append(try run.simulation(on: gpu, stages: stages, seed: UInt64(seed)).run().summary)
                }
                return .success(run.reproduced(summaries))
            } catch { return .failure(error) }
        }
        var rows: [Reproduced] = []
        for result in results { rows.append(try result.get()) }
        return rows
    }
}

extension MeasuredCheck.Run {
    /// The run as a simulation on a GPU.
    ///
    /// - Parameters:
    ///   - stages: The number of stages of each network; those that are not in it are left open.
    ///   - change: Changes the task set before it is prepared.
    /// - Throws: `SimulationError` with an unknown task set, or a network whose cost is unknown.
    package func simulation(
        on gpu: GPUModel, stages: [String: Int], rules: Set<BatchingRule> = [], seed: UInt64,
        change: (inout TaskSet) -> Void = { _ in }
    ) throws(SimulationError) -> TaskSetSimulation {
        guard let set = CheckTaskSet.paper.first(where: { $0.name == taskSet }) else {
            throw SimulationError(
                "the check has a task set '\(taskSet)'; only \(CheckTaskSet.paper.map(\.name).joined(separator: ", ")) are known"
            )
        }
        var declared = set.taskSet(
            device: "card.json", partition: configuration.partition, kind: configuration.kind,
            models: set.groups.map(\.network).map { name in
                ModelDeclaration(name: name, source: .builtin(name), stages: stages[name].map { .fixed($0) } ?? .auto)
            }, demand: demand, duration: .seconds(seconds))
        declared.scheduler.batchingRules = rules
        if configuration.largestBatch > 1 { declared.scheduler.batching = configuration.largestBatch }
        declared.run.seed = seed
        change(&declared)
        return try TaskSetSimulation(declared, on: gpu)
    }

    fileprivate func reproduced(_ runs: [RunSummary]) -> MeasuredCheck.Reproduced {
        func middle(_ value: (RunSummary) -> Double) -> Double { median(runs.map(value)) }
        func middle(_ group: (RunSummary) -> RunSummary.Group) -> Double? {
            let known = runs.map(group).filter { $0.responseMs.count > 0 }.map(\.responseMs.mean)
            return known.isEmpty ? nil : median(known)
        }
        let accepted = runs.filter { $0.lp.accepted > 0 }.map(\.lp.dmr)
        return MeasuredCheck.Reproduced(
            taskSet: taskSet,
            configuration: Candidate(kind: configuration.kind, partition: configuration.partition).label
                + (configuration.largestBatch > 1 ? ", batches of \(configuration.largestBatch)" : ""),
            isMPS: configuration.kind == .mps, largestBatch: configuration.largestBatch,
            measured: MeasuredCheck.Figures(
                jps: jps, hpDMR: hpDMR, lpDMR: lpDMR, acceptance: acceptance, hpResponseMs: hpResponseMs,
                lpResponseMs: lpResponseMs),
            simulated: MeasuredCheck.Figures(
                jps: middle(\.jps), hpDMR: middle(\.hp.dmr), lpDMR: accepted.isEmpty ? nil : median(accepted),
                acceptance: middle(\.lp.acceptance), hpResponseMs: middle(\.hp), lpResponseMs: middle(\.lp)))
    }
}
