import DarisCore

/// Which tasks of a simulation can run together, and what their batches take under full load.
struct BatchProfile {
    /// What tasks must have in common.
    private struct Kind: Hashable {
        var network: String
        var batch: Int
        var stages: [StageCost]
        var batched: [Int: [StageCost]]
    }

    /// The groups of at least two tasks.
    private(set) var groups: [BatchGroup] = []
    /// The group of each task.
    private(set) var groupOfTask: [Int?]

    /// Measures every batch of up to `largest` jobs that tasks could form, by the rules of `FullLoad`.
    init(
        _ tasks: [SimulatedTask], largest: Int, on gpu: GPUModel, partition: Partition, kind: PartitionKind,
        seed: UInt64
    ) {
        groupOfTask = Array(repeating: nil, count: tasks.count)
        let members = Dictionary(grouping: tasks.indices) { index in
            let task = tasks[index]
            return Kind(
                network: task.network, batch: task.specification.batch, stages: task.stages, batched: task.batched)
        }
        let profiler = FullLoadProfiler(stageCounts: tasks.map(\.stages.count), lanes: partition.lanes)
        for (common, members) in members.sorted(by: { $0.value[0] < $1.value[0] }) where members.count > 1 {
            let sizes = common.batched.keys.sorted().filter { $0 <= min(largest, members.count) }
            guard !sizes.isEmpty else { continue }
            for member in members { groupOfTask[member] = groups.count }
            groups.append(
                BatchGroup(
                    sizes: sizes.map { jobs in
                        var device = SimulatedGPU(
                            gpu, partition: partition, kind: kind, costs: tasks.map(\.stages),
                            batched: tasks.map(\.batched), seed: seed ^ 0xBA7C)
                        return BatchGroup.Size(
                            jobs: jobs, afet: profiler.afet(of: members[0], jobs: jobs, on: &device, seed: seed))
                    }))
        }
    }
}
