public import DarisCore

/// A task as the simulator takes it: what the scheduler needs to know but for its execution times, and what it costs.
public struct SimulatedTask: Hashable, Sendable {
    /// The task; its AFET is ignored.
    public var specification: TaskSpecification
    /// The name of its network.
    public var network: String
    /// What its stages cost.
    public var stages: [StageCost]

    /// A task that runs stages of these costs.
    public init(_ specification: TaskSpecification, network: String, stages: [StageCost]) {
        self.specification = specification
        self.network = network
        self.stages = stages
    }
}
