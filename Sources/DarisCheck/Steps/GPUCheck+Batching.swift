import DarisConfiguration
import DarisCore
import DarisRuntime

/// Question 1, and batching alone.
extension GPUCheck {
    func measureLoops() throws {
        let entries = LoopPlan.entries(options.networks, isRehearsal: options.isRehearsal)
        try measure(entries, lanes: LoopPlan.lanes(isRehearsal: options.isRehearsal))
    }

    func measureBatching() throws {
        let entries = BatchingPlan.entries(options.networks, isRehearsal: options.isRehearsal)
        try measure(entries, lanes: BatchingPlan.lanes(isRehearsal: options.isRehearsal))
        try writeProfile()
    }

    /// Measures closed loops until the time is up; those that were measured before are not measured again.
    private func measure(_ entries: [LoopPlan.Entry], lanes: [Int]) throws {
        var isComplete = true
        var count = 0
        for (index, entry) in entries.enumerated() {
            guard !isUp else {
                isComplete = false
                break
            }
            count += try measure(entry, lanes: lanes, shareOf: entries.count - index)
        }
        finish(all: isComplete, measured: count)
    }

    /// Measures a batch size on each number of lanes. Returns how many loops there are of it now.
    func measure(_ entry: LoopPlan.Entry, lanes: [Int], shareOf count: Int) throws -> Int {
        let name = entry.network.name
        func known(_ lanes: Int) -> Bool {
            results.batching.contains {
                $0.network == name && $0.batch == entry.batch && $0.stages == entry.stages && $0.lanes == lanes
            }
        }
        let open = lanes.filter { !known($0) }
        guard let most = open.max() else { return lanes.count }
        say("\(name), batch \(entry.batch), \(entry.stages == 1 ? "whole" : "\(entry.stages) stages")")
        do {
            let bench = try bench(
                entry.network, device: options.device, stages: entry.stages, batch: entry.batch, lanes: most)
            defer { bench.shutDown() }
            for (place, number) in open.enumerated() {
                let share = timeLeft.inSeconds / Double(count) / Double(open.count - place) / 2
                results.batching.append(try closedLoop(bench, entry, lanes: number, seconds: share))
            }
            for text in bench.notes { note("\(name), batch \(entry.batch): \(text)") }
            try save()
        } catch let failure as ResultsFolder.Failure {
            throw failure
        } catch {
            note("\(name), batch \(entry.batch): \(error)")
        }
        return lanes.count(where: known)
    }

    /// A closed loop of `seconds`, but 0.6 s at most and 0.05 s at least, after a quarter of that.
    func closedLoop(
        _ bench: StageBench, _ entry: LoopPlan.Entry, lanes: Int, seconds: Double
    ) throws -> BatchingRecord {
        let duration = Nanoseconds.seconds(min(0.6, max(0.05, seconds)))
        let (loop, used) = try energy.during {
            try bench.closedLoop(lanes: lanes, warmUp: .seconds(duration.inSeconds / 4), duration: duration)
        }
        return BatchingRecord(
            network: entry.network.name, batch: entry.batch, lanes: lanes, stages: entry.stages,
            jps: loop.jobsPerSecond * Double(entry.batch), joules: used.joules(of: loop.allJobs * entry.batch),
            load: used.load)
    }
}

/// Devices with a network on them, without a scheduler.
extension GPUCheck {
    /// A network on a device, with a task for each lane.
    func bench(
        _ network: CheckNetwork, device: String, stages: Int, batch: Int, lanes: Int = 1,
        gpu: GPUOptions = GPUOptions()
    ) throws -> StageBench {
        // On a CPU each lane has a context of its own, since the lanes of one context share its cores.
        let isCPU = device == DeviceKind.cpu.name
        return try StageBench(
            .lanes(
                of: network.declaration(stages: stages), device: device, isCPU ? .cores : .streams,
                Partition(contexts: isCPU ? lanes : 1, streams: isCPU ? 1 : lanes, oversubscription: 1), batch: batch,
                gpu: gpu), cache: options.cache, progress: options.detail)
    }
}

extension TaskSet {
    /// A task set with a task for each lane, all of one model, for measurements without releases.
    static func lanes(
        of model: ModelDeclaration, device: String, _ kind: PartitionKind, _ partition: Partition, batch: Int,
        gpu: GPUOptions = GPUOptions()
    ) -> TaskSet {
        let tasks = (0..<partition.lanes).map { lane in
            TaskDeclaration(
                name: "lane-\(lane)", model: model.name, period: .milliseconds(100), priority: .low, batch: batch,
                arrival: .sporadic())
        }
        return TaskSet(
            source: "measurement", device: device, partition: partition, partitionKind: kind, gpu: gpu,
            models: [model], tasks: tasks)
    }
}
