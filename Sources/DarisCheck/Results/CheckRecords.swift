import DarisCore

/// A fact about the device.
package struct FactRecord: Hashable, Sendable, Codable {
    /// The name of the fact.
    package var name: String
    /// The value as text.
    package var value: String
}

/// The SMs on which the contexts of a partition ran.
package struct MapRecord: Hashable, Sendable, Codable {
    /// The kind of partition.
    package var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    package var partition: Partition
    /// The number of SMs promised to each context.
    package var promised: [Int]
    /// The hardware numbers of the SMs that each context ran on.
    package var found: [[Int]]
    /// The difference from the promise, or why nothing was measured; `nil` if all is as promised.
    package var problem: String?
    /// Whether it was measured.
    package var isMeasured: Bool
    /// A remark that is no problem.
    package var remark: String?
}

/// The difference of a network's outputs on the device from those on the CPU.
package struct OutputRecord: Hashable, Sendable, Codable {
    /// The network.
    package var network: String
    /// The stages it was cut into on the device; on the CPU it is whole.
    package var stages: Int
    /// Inferences a job.
    package var batch: Int
    /// The largest difference as a share of the largest number expected.
    package var relativeDifference: Double

    /// The largest relative difference that still counts as equal.
    package static let limit = 1e-3
    /// Whether they agree.
    package var agrees: Bool { relativeDifference <= Self.limit }
}

/// Stage times beside busy neighbours.
package struct NeighbourRecord: Hashable, Sendable, Codable {
    /// The network, which the neighbours run too.
    package var network: String
    /// The kind of partition.
    package var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    package var partition: Partition
    /// The SMs or cores of a context.
    package var quota: Int
    /// The number of other busy lanes.
    package var neighbours: Int
    /// The time of each stage in ms.
    package var stageMs: [Double]
}

/// The throughput of a network alone at a batch size.
package struct BatchingRecord: Hashable, Sendable, Codable {
    /// The network.
    package var network: String
    /// Inferences a batch.
    package var batch: Int
    /// Lanes that ran batches at the same time: 1 or 2.
    package var lanes: Int
    /// The stages it was cut into.
    package var stages: Int
    /// Inferences a second.
    package var jps: Double
    /// Energy an inference in J, where the device counts it.
    package var joules: Double?
}
