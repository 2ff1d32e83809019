import DarisConfiguration
import DarisCore
import DarisSimulator

extension CheckTaskSet {
    /// The task sets for these networks: those of the paper, and one like ResNet18's for each network from a file.
    package static func sets(of networks: [CheckNetwork]) -> [CheckTaskSet] {
        let names = Set(networks.map(\.name))
        let others = networks.filter { network in if case .file = network.source { true } else { false } }
        return paper.filter { $0.groups.allSatisfy { names.contains($0.network) } }
            + others.map { CheckTaskSet(name: $0.name, groups: [Group(network: $0.name, high: 16, low: 32, rate: 30)]) }
    }

    /// The task set for a device, with a demand of `demand` inferences a second in all.
    package func taskSet(
        _ configuration: SweepConfiguration, device: String, demand: Double, duration: Nanoseconds,
        networks: [CheckNetwork]
    ) -> TaskSet {
        taskSet(
            device: device, partition: configuration.partition, kind: configuration.kind,
            models: networks.map { $0.declaration(stages: configuration.stages) }, demand: demand, duration: duration)
    }
}
