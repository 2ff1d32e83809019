import CUDADriver
import DarisConfiguration
import DarisCore
import DarisRuntime
import DarisSimulator

/// A profiler of the stages of a network in a partition of a device: alone, and beside busy neighbours.
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

    /// The measurements in one partition.
    struct Measurement: Sendable {
        /// The stage times.
        var records: [NeighbourRecord]
        /// The size of the network's weights in bytes.
        var weightBytes: Int
        /// Remarks for the user.
        var notes: [String]
    }

    /// Loads a model onto every lane of a partition and times its stages on the first.
    ///
    /// - Parameter neighbours: The numbers of other busy lanes, in the order of measurement.
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
        return Measurement(records: records, weightBytes: bench.weightBytes, notes: bench.notes)
    }

    /// Measures a model in every partition of a check's profile.
    ///
    /// - Parameter report: Gets the stage times of each partition when they are measured.
    /// - Returns: A profile for `daris calibrate`, and remarks for the user.
    /// - Throws: The last `PreparationError` or `DeviceError` if too little could be measured for a profile;
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

/// The partitions in which stage times are measured. Two quotas, which every profile needs, come first; then full load
/// with contexts that overlap; then more quotas.
enum ProfilePlan {
    /// A partition, with the numbers of busy neighbours beside which the first lane is timed.
    struct Entry: Hashable {
        var kind: PartitionKind
        var partition: Partition
        var neighbours: [Int]
    }

    static func entries(isCPU: Bool) -> [Entry] {
        let shapes: [(kind: PartitionKind, contexts: Int, streams: Int, oversubscription: Double)] =
            isCPU
            ? [(.cores, 1, 1, 1), (.cores, 2, 1, 1), (.cores, 2, 1, 2), (.cores, 1, 2, 1)]
            : [
                (.green, 1, 1, 1), (.green, 4, 1, 1), (.green, 6, 1, 6), (.green, 2, 1, 1), (.streams, 1, 4, 1),
                (.green, 6, 1, 2), (.green, 8, 1, 1), (.green, 4, 1, 4), (.streams, 1, 8, 1),
            ]
        return shapes.map { kind, contexts, streams, oversubscription in
            let partition = Partition(contexts: contexts, streams: streams, oversubscription: oversubscription)
            let others = partition.lanes - 1
            return Entry(
                kind: kind, partition: partition,
                neighbours: Set([0, 1, others / 2, others]).filter { $0 <= others }.sorted())
        }
    }
}

/// A builder of a profile for `daris calibrate` from stage times.
struct ProfileBuilder {
    private var networks: [GPUProfile.Network] = []

    /// Adds the stage times of a network in one partition.
    ///
    /// - Parameter memoryMiB: The memory of one lane of it. The smallest value counts, since the very first load loads
    ///   libraries, too.
    mutating func add(_ record: NeighbourRecord, memoryMiB: Double) {
        if !networks.contains(where: { $0.name == record.network }) {
            networks.append(.init(name: record.network, memoryMiB: memoryMiB, alone: [], loaded: [], batches: []))
        }
        guard let index = networks.firstIndex(where: { $0.name == record.network }) else { return }
        networks[index].memoryMiB = min(networks[index].memoryMiB, memoryMiB)
        let partition = record.partition
        if record.neighbours == 0, !networks[index].alone.contains(where: { $0.processors == record.quota }) {
            networks[index].alone.append(.init(processors: record.quota, stageMs: record.stageMs))
        }
        if record.neighbours > 0, record.neighbours == partition.lanes - 1 {
            networks[index].loaded.append(
                .init(
                    kind: record.kind, contexts: partition.contexts, streams: partition.streams,
                    oversubscription: partition.oversubscription, stageMs: record.stageMs))
        }
    }

    /// The profile so far, or why there is none. Networks with fewer than two quotas are left out.
    ///
    /// - Parameters:
    ///   - card: The profile without networks.
    ///   - batching: The throughput alone by batch size; the best of each size counts.
    func profile(card: GPUProfile, batching: [BatchingRecord]) -> Result<GPUProfile, CheckProblem> {
        var profile = card
        profile.networks = networks.filter { $0.alone.count >= 2 }
        for index in profile.networks.indices {
            profile.networks[index].alone.sort { $0.processors < $1.processors }
            let own = batching.filter { $0.network == profile.networks[index].name }
            profile.networks[index].batches = Set(own.map(\.batch)).sorted().map { size in
                GPUProfile.Batch(batch: size, jps: own.filter { $0.batch == size }.map(\.jps).max() ?? 0)
            }
        }
        guard let problem = profile.problem() else { return .success(profile) }
        return .failure(CheckProblem(description: problem))
    }
}

/// Why there is no profile.
struct CheckProblem: Error, CustomStringConvertible {
    let description: String
}
