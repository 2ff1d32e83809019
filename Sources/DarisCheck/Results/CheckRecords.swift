import DarisCore

/// A fact about the device, in words.
package struct FactRecord: Hashable, Sendable, Codable {
    /// What it is about.
    package var name: String
    /// What it is.
    package var value: String
}

/// Where the contexts of a partition ran.
package struct MapRecord: Hashable, Sendable, Codable {
    /// How contexts got their SMs.
    package var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    package var partition: Partition
    /// SMs promised to each context.
    package var promised: [Int]
    /// The hardware's numbers of the SMs that each context ran on.
    package var found: [[Int]]
    /// What differs from the promise, or why nothing was measured; `nil` if all is as promised.
    package var problem: String?
    /// Whether it was measured.
    package var isMeasured: Bool
    /// What should be known though nothing else was promised.
    package var remark: String?
}

/// How far a network's outputs on the device are from those on the CPU.
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
    /// How contexts got their SMs.
    package var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    package var partition: Partition
    /// SMs or cores of a context.
    package var quota: Int
    /// Other lanes that were busy.
    package var neighbours: Int
    /// Time of each stage in ms.
    package var stageMs: [Double]
}

/// A network alone at a batch size, one batch after another.
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
