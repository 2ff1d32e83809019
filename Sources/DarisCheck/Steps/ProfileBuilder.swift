import DarisCore
import DarisSimulator

/// Puts stage times together to a profile in the form that `daris calibrate` takes.
struct ProfileBuilder {
    private var networks: [GPUProfile.Network] = []

    /// Takes in the stage times of a network in one partition.
    ///
    /// - Parameter memoryMiB: what one lane of it takes; the least that was ever seen counts, since the first load of all
    ///   loads libraries, too.
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

    /// The profile with what can be used so far, or why there is none. Networks with fewer than two quotas are left out.
    ///
    /// - Parameters:
    ///   - card: everything but the networks.
    ///   - batching: throughput alone by batch size; of one size the best counts.
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

/// Something that keeps a result from being made.
struct CheckProblem: Error, CustomStringConvertible {
    let description: String
}
