import DarisSimulator
import DarisCore

/// Questions 2 and 3: what decides whether the explanation of an earlier check is right.
extension GPUCheck {
    /// The four task sets in one stage, with batches of up to 64, on three streams.
    func runLargeBatches() throws {
        guard !sets.isEmpty else { return skipTaskSets() }
        let configuration =
            options.isRehearsal
            ? SweepConfiguration(.cores, Partition(contexts: 1, streams: 1, oversubscription: 1), stages: 1)
            : SweepConfiguration(
                .streams, Partition(contexts: 1, streams: 3, oversubscription: 1), largestBatch: 64, stages: 1)
        var isComplete = true
        for (index, set) in sets.enumerated() {
            guard !isUp else {
                isComplete = false
                break
            }
            isComplete =
                try answer(set, configuration, shareOf: sets.count - index) { results.largeBatches.append($0) }
                && isComplete
        }
        finish(all: isComplete, measured: results.largeBatches.count)
    }

    /// Inception v3 in its own stages, with batches of up to 32, on four streams; the first task set if there is none of it.
    func runAsBefore() throws {
        guard let set = sets.first(where: { $0.name == "inception_v3" }) ?? sets.first else { return skipTaskSets() }
        let configuration =
            options.isRehearsal
            ? SweepConfiguration(.cores, Partition(contexts: 1, streams: 1, oversubscription: 1))
            : SweepConfiguration(
                .streams, Partition(contexts: 1, streams: 4, oversubscription: 1), largestBatch: 32)
        let isComplete = try answer(set, configuration, shareOf: 1, record: folder.path + "/" + Self.record) {
            results.asBefore.append($0)
        }
        finish(all: isComplete, measured: results.asBefore.count)
    }

    /// The file of the record of question 3.
    static var record: String { "as-before.jsonl" }

    /// Runs a task set against the batching that the predictions refer to; without predictions, against the best so far. Returns
    /// whether it ran.
    private func answer(
        _ set: CheckTaskSet, _ configuration: SweepConfiguration, shareOf count: Int, record: String? = nil,
        keep: (CheckRow) -> Void
    ) throws -> Bool {
        let recorded = predictions.flatMap { set.batchingThroughput(best: $0.batching) }
            .map { Baseline(jps: $0, name: "recorded batching", paper: capacity(of: set, .paper)) }
        guard let baseline = recorded ?? strictBaseline(of: set) else {
            note("\(set.name): no closed loop was measured of all its networks, so its demand is unknown")
            return false
        }
        let demand = CheckTaskSet.overload * baseline.jps
        let share = timeLeft.inSeconds / Double(count) / 3
        let run = CheckRun(
            set: set, configuration: configuration, demand: demand, baseline: baseline,
            duration: duration(of: set, demand: demand, share: share, most: 2), record: record)
        return try self.run(run, keep: keep) > 0
    }

    /// Ends a step for which there is no task set.
    func skipTaskSets() {
        note("none of the paper's task sets can be made of \(options.networks.map(\.name).joined(separator: ", "))")
        finishSkipped()
    }
}
