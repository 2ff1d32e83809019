import DarisCore
import DarisRuntime
import Synchronization

/// Counts the dispatches of a run by network and stage, and the jobs in them.
///
/// ```swift
/// let counter = DispatchCounter(models: ["unet", "unet"], stages: [1, 1])
/// options.observer = { _, _, commands in counter.observe(commands) }
/// ```
final class DispatchCounter: Sendable {
    private let networks: [(name: String, stages: Int)]
    private let networkOfTask: [Int]
    private let counts: Mutex<[[(dispatches: Int, jobs: Int)]]>

    /// A counter.
    ///
    /// - Parameters:
    ///   - models: the network of each task.
    ///   - stages: the number of stages of each task.
    init(models: [String], stages: [Int]) {
        var networks: [(name: String, stages: Int)] = []
        networkOfTask = zip(models, stages).map { name, stages in
            if let known = networks.firstIndex(where: { $0.name == name }) { return known }
            networks.append((name, stages))
            return networks.count - 1
        }
        self.networks = networks
        counts = Mutex(networks.map { Array(repeating: (0, 0), count: $0.stages) })
    }

    /// A counter for a task set.
    convenience init(_ prepared: Preparation) {
        self.init(
            models: prepared.taskSet.tasks.map(\.model), stages: prepared.configuration.tasks.map(\.afet.count))
    }

    /// Counts the dispatches among the commands of an event. Takes no longer than the dispatches do.
    func observe(_ commands: CommandBuffer) {
        for command in commands {
            guard case .dispatch(let dispatch) = command else { continue }
            let network = networkOfTask[dispatch.jobs[0].task]
            counts.withLock { counts in
                counts[network][dispatch.stage].dispatches += 1
                counts[network][dispatch.stage].jobs += dispatch.jobs.count
            }
        }
    }

    /// What was counted so far, network by network.
    var stages: [StageBatches] {
        let counts = counts.withLock { $0 }
        return zip(networks, counts).flatMap { network, counts in
            counts.enumerated().map { stage, count in
                StageBatches(network: network.name, stage: stage, dispatches: count.dispatches, jobs: count.jobs)
            }
        }
    }
}
