import DarisCore

/// A measurement of AFET on a simulated device by the rules of `FullLoad`.
package struct FullLoadProfiler {
    private let stageCounts: [Int]
    /// The ordinary lanes: those that are kept busy.
    private var lanes: [Int]

    /// A profiler of tasks with these numbers of stages on a device that is cut so.
    package init(stageCounts: [Int], _ partition: Partition) {
        self.stageCounts = stageCounts
        lanes = (0..<partition.laneCount).filter { !partition.isExpress($0) }
    }

    /// A profiler of tasks with these numbers of stages that keeps only the first `lanes` ordinary lanes busy.
    init(stageCounts: [Int], _ partition: Partition, lanes: Int) {
        self.init(stageCounts: stageCounts, partition)
        self.lanes = Array(self.lanes.prefix(lanes))
    }

    /// The AFET of each stage of a task, or of a batch of `jobs` jobs of its group. The device must be idle; stages
    /// still run on it afterwards.
    ///
    /// - Parameter neighbours: By task, how many jobs of it run together beside this; empty where single jobs do.
    package func afet<Device: VirtualDevice>(
        of task: Int, jobs: Int = 1, beside neighbours: [Int?] = [], on device: inout Device, seed: UInt64
    ) -> [Nanoseconds] {
        var random = SplitMix64(seed: seed)
        var now = Nanoseconds.zero
        let measured = lanes[FullLoad.lane(of: task, lanes: lanes.count)]
        for lane in lanes where lane != measured { keepBusy(lane, neighbours, on: &device, at: now, using: &random) }
        return (0..<stageCounts[task]).map { stage in
            var total = Nanoseconds.zero
            for run in 0..<FullLoad.warmUps + FullLoad.repeats {
                device.start(task: task, stage: stage, jobs: jobs, lane: measured, at: now)
                var isRunning = true
                while isRunning, let next = device.nextEvent() {
                    now = next
                    guard let end = device.advance(to: now) else { continue }
                    if end.lane == measured {
                        isRunning = false
                        if run >= FullLoad.warmUps { total += end.executionTime }
                    } else {
                        keepBusy(end.lane, neighbours, on: &device, at: now, using: &random)
                    }
                }
            }
            return Nanoseconds(total.rawValue / Int64(FullLoad.repeats))
        }
    }

    /// Starts a random stage of a random task of the lane.
    private func keepBusy<Device: VirtualDevice>(
        _ lane: Int, _ neighbours: [Int?], on device: inout Device, at now: Nanoseconds, using random: inout SplitMix64
    ) {
        guard
            let (task, stage) = FullLoad.stage(
                on: lanes.firstIndex(of: lane) ?? 0, lanes: lanes.count, stageCounts: stageCounts, using: &random)
        else { return }
        let jobs = neighbours.isEmpty ? 1 : neighbours[task] ?? 1
        device.start(task: task, stage: stage, jobs: jobs, lane: lane, at: now)
    }
}

/// The batch groups of a simulation: the tasks that can run together, and the times of their batches under full load.
struct BatchProfile {
    /// The properties that tasks of a group have in common.
    private struct Kind: Hashable {
        var network: String
        var batch: Int
        var stages: [SimulatedStage]
        var batched: [Int: [SimulatedStage]]
    }

    /// The groups of at least two tasks.
    private(set) var groups: [BatchGroup] = []
    /// The group of each task.
    private(set) var groupOfTask: [Int?]

    /// Measures every batch that tasks could form, by the rules of `FullLoad`: beside batches of the same size as far as there are
    /// such, where that rule is active, else beside single jobs.
    init(
        _ tasks: [SimulatedTask], _ options: SchedulerOptions, on gpu: GPUModel, partition: Partition,
        kind: PartitionKind,
        seed: UInt64
    ) {
        groupOfTask = Array(repeating: nil, count: tasks.count)
        let members = Dictionary(grouping: tasks.indices) { index in
            let task = tasks[index]
            return Kind(
                network: task.network, batch: task.specification.batch, stages: task.stages, batched: task.batched)
        }
        let profiler = FullLoadProfiler(stageCounts: tasks.map(\.stages.count), partition)
        for (common, members) in members.sorted(by: { $0.value[0] < $1.value[0] }) where members.count > 1 {
            let sizes = common.batched.keys.sorted().filter { $0 <= min(options.largestBatch, members.count) }
            guard !sizes.isEmpty else { continue }
            for member in members { groupOfTask[member] = groups.count }
            groups.append(
                BatchGroup(
                    sizes: sizes.map { jobs in
                        var device = VirtualGPU(
                            gpu, partition: partition, kind: kind, costs: tasks.map(\.stages),
                            batched: tasks.map(\.batched), seed: seed ^ 0xBA7C)
                        return BatchGroup.Size(
                            jobs: jobs,
                            afet: profiler.afet(
                                of: members[0], jobs: jobs,
                                beside: options.follows(.equalNeighbours)
                                    ? tasks.map { $0.batched[jobs] == nil ? nil : jobs } : [],
                                on: &device, seed: seed))
                    }))
        }
    }
}
