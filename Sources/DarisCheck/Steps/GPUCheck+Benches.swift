import DarisConfiguration
import DarisCore
import DarisRuntime

/// Devices with a network on them, without a scheduler.
extension GPUCheck {
    /// A network on a device, with a task for each lane.
    func bench(
        _ network: CheckNetwork, device: String, stages: Int, batch: Int, lanes: Int = 1, tf32: Bool = true
    ) throws -> StageBench {
        // On a CPU a lane has a context, which is what has cores; the lanes of one context would share a core set.
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
            gpu: GPUOptions(tf32: tf32), models: [model], tasks: tasks)
    }
}
