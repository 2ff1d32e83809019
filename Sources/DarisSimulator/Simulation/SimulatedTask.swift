import DarisCore

/// A task as the simulator takes it: what the scheduler needs to know but for its execution times, and what it costs.
package struct SimulatedTask: Hashable, Sendable {
    /// The task; its AFET is ignored.
    package var specification: TaskSpecification
    /// The name of its network.
    package var network: String
    /// What its stages cost.
    package var stages: [StageCost]
    /// What its stages cost when several jobs run together, by number of jobs; none if that is not known.
    package var batched: [Int: [StageCost]]

    /// A task that runs stages of these costs.
    package init(
        _ specification: TaskSpecification, network: String, stages: [StageCost], batched: [Int: [StageCost]] = [:]
    ) {
        self.specification = specification
        self.network = network
        self.stages = stages
        self.batched = batched
    }

    /// A task that runs a network cut into `stages`, alone or in a batch of any size that is measured.
    package init(_ specification: TaskSpecification, network: String, cost: NetworkCost, stages: Int) {
        let batch = specification.batch
        self.init(
            specification, network: network, stages: cost.stages(stages, batch: batch),
            batched: Dictionary(
                uniqueKeysWithValues: BatchGroup.measuredSizes.map { ($0, cost.stages(stages, batch: batch * $0)) }))
    }
}
