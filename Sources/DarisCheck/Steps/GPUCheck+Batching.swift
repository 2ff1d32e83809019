import DarisCore
import DarisRuntime

/// Step 5.
extension GPUCheck {
    func measureBatching() throws {
        var isComplete = true
        let entries = BatchingPlan.entries(options.networks)
        for (index, entry) in entries.enumerated() {
            guard !isUp else {
                isComplete = false
                break
            }
            try measureBatch(entry, stages: entry.network.stages, shareOf: entries.count - index)
        }
        // Cut into stages a batch is synchronised in between, which batching alone need not be: the best of both counts.
        for network in options.networks where !isUp && network.stages > 1 {
            guard let best = results.bestBatching[network.name] else { continue }
            try measureBatch(.init(network: network, batch: best.batch), stages: 1, shareOf: options.networks.count)
        }
        try writeProfile()
        finish(all: isComplete, measured: results.batching.count)
    }

    /// Measures a batch size on one and on two lanes.
    private func measureBatch(_ entry: BatchingPlan.Entry, stages: Int, shareOf count: Int) throws {
        let name = entry.network.name
        say("\(name), batch \(entry.batch)\(stages == 1 ? ", whole" : "")")
        do {
            let bench = try bench(
                entry.network, device: options.device, stages: stages, batch: entry.batch,
                lanes: BatchingPlan.lanes.count)
            defer { bench.shutDown() }
            let share = timeLeft.inSeconds / Double(count) / 4
            let duration = Nanoseconds.seconds(min(0.6, max(0.05, share)))
            for lanes in BatchingPlan.lanes {
                let before = energy.joules
                let loop = try bench.closedLoop(
                    lanes: lanes, warmUp: .seconds(duration.inSeconds / 4), duration: duration)
                results.batching.append(
                    BatchingRecord(
                        network: name, batch: entry.batch, lanes: lanes, stages: stages,
                        jps: loop.jobsPerSecond * Double(entry.batch),
                        joules: energy.joules(since: before, inferences: loop.allJobs * entry.batch)))
            }
            for text in bench.notes { note("\(name), batch \(entry.batch): \(text)") }
            try save()
        } catch let failure as ResultsFolder.Failure {
            throw failure
        } catch {
            note("\(name), batch \(entry.batch): \(error)")
        }
    }
}
