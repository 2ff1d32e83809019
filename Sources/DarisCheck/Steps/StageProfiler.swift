import CUDADriver
import DarisConfiguration
import DarisCore
import DarisRuntime
import DarisSimulator

/// Measures the stages of a network on a device that is cut somehow: alone, and beside more and more busy neighbours.
package struct StageProfiler: Sendable {
    /// The device, such as `cuda`.
    package let device: String
    /// Inferences a job.
    package let batch: Int
    private let cache: CacheFolder
    private let progress: StepHandler

    /// A profiler for a device.
    package init(device: String, batch: Int = 1, cache: CacheFolder, progress: @escaping StepHandler) {
        self.device = device
        self.batch = batch
        self.cache = cache
        self.progress = progress
    }

    /// What was measured in one partition.
    struct Measurement: Sendable {
        /// The stage times.
        var records: [NeighbourRecord]
        /// Bytes of the network's weights.
        var weightBytes: Int
        /// SMs or cores of the device.
        var units: Int
        /// What the user should know.
        var notes: [String]
    }

    /// Loads a model onto every lane of a partition and times its stages on the first.
    ///
    /// - Parameter neighbours: with how many other lanes busy, in this order.
    /// - Throws: `PreparationError`, `DeviceError`.
    func measure(
        _ model: ModelDeclaration, kind: PartitionKind, partition: Partition, neighbours: [Int],
        whenLoaded: () -> Void = {}
    ) throws -> Measurement {
        let taskSet = TaskSet.lanes(of: model, device: device, kind, partition, batch: batch)
        let bench = try StageBench(taskSet, cache: cache, progress: progress)
        defer { bench.shutDown() }
        whenLoaded()
        let records = try neighbours.map { count in
            progress("measuring \(model.name) beside \(count) busy lanes")
            return NeighbourRecord(
                network: model.name, kind: kind, partition: partition, quota: bench.quota, neighbours: count,
                stageMs: try bench.stageTimes(busyNeighbours: count).map(\.inMilliseconds))
        }
        return Measurement(
            records: records, weightBytes: bench.weightBytes, units: bench.units, notes: bench.notes)
    }

    /// Measures a model in every partition of step 4 of a check.
    ///
    /// - Parameter report: told of the stage times in each partition, as soon as there are any.
    /// - Returns: a profile for `daris calibrate`, and what the user should know.
    /// - Throws: the last `PreparationError` or `DeviceError` if too little could be measured for a profile;
    ///   `CheckProblem` on a machine of one core.
    package func profile(
        of model: ModelDeclaration, report: (NeighbourRecord) -> Void
    ) throws -> (profile: GPUProfile, notes: [String]) {
        let context = try TaskSet.gpuIndex(of: device).map { index in
            try CUDAContext(library: try CUDALibrary.open(maxConnections: 32), device: index)
        }
        var builder = ProfileBuilder()
        var notes: [String] = []
        var failure: (any Error)?
        for entry in ProfilePlan.entries(isCPU: context == nil) {
            do {
                let measured = try measure(
                    model, kind: entry.kind, partition: entry.partition, neighbours: entry.neighbours)
                for record in measured.records {
                    builder.add(record, memoryMiB: Double(measured.weightBytes) / 1_048_576)
                    report(record)
                }
                notes += measured.notes.filter { !notes.contains($0) }
            } catch {
                failure = error
                notes.append("\(SweepConfiguration(entry.kind, entry.partition).label): \(error)")
            }
        }
        let card = GPUProfile.card(
            context: context, title: context?.device.name ?? CPUFacts.name, megahertz: nil)
        do { return (try builder.profile(card: card, batching: []).get(), notes) } catch {
            if context == nil, SystemRights.allowedProcessors().count < 2 {
                throw CheckProblem(
                    description: "a profile compares partitions of two cores and more, and daris may use one here")
            }
            throw failure ?? error
        }
    }
}
