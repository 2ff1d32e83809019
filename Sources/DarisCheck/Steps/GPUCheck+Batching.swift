import DarisConfiguration
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
        // A batch in stages is synchronised between them, which batching alone does not need. So the best batch is also
        // measured as a whole, and the better result counts.
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

/// The measurements of batching alone. Large batches of every network come first, since they likely have the best
/// throughput and a late measurement may be cut off.
enum BatchingPlan {
    /// The batch sizes: 1, 2, 4, … 64.
    static let sizes = [1, 16, 64, 4, 32, 8, 2]
    /// The numbers of lanes that run batches at the same time; the better result counts.
    static let lanes = [1, 2]

    /// A network at a batch size.
    struct Entry: Hashable {
        var network: CheckNetwork
        var batch: Int
    }

    /// All entries: size by size, each network.
    static func entries(_ networks: [CheckNetwork]) -> [Entry] {
        sizes.flatMap { size in networks.map { Entry(network: $0, batch: size) } }
    }
}

/// Devices with a network on them, without a scheduler.
extension GPUCheck {
    /// A network on a device, with a task for each lane.
    func bench(
        _ network: CheckNetwork, device: String, stages: Int, batch: Int, lanes: Int = 1, tf32: Bool = true
    ) throws -> StageBench {
        // On a CPU each lane has a context of its own, since the lanes of one context share its cores.
        let isCPU = device == DeviceKind.cpu.name
        return try StageBench(
            .lanes(
                of: network.declaration(stages: stages), device: device, isCPU ? .cores : .streams,
                Partition(contexts: isCPU ? lanes : 1, streams: isCPU ? 1 : lanes, oversubscription: 1), batch: batch,
                tf32: tf32), cache: options.cache, progress: options.detail)
    }
}

extension TaskSet {
    /// A task set with a task for each lane, all of one model, for measurements without releases.
    static func lanes(
        of model: ModelDeclaration, device: String, _ kind: PartitionKind, _ partition: Partition, batch: Int,
        tf32: Bool = true
    ) -> TaskSet {
        let tasks = (0..<partition.lanes).map { lane in
            TaskDeclaration(
                name: "lane-\(lane)", model: model.name, period: .milliseconds(100), priority: .low, batch: batch,
                arrival: .sporadic())
        }
        return TaskSet(
            source: "measurement", device: device, partition: partition, partitionKind: kind,
            gpu: GPUOptions(precision: tf32 ? .tf32 : .fp32), models: [model], tasks: tasks)
    }
}
