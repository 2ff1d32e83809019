public import DarisCore

/// A fact about the device, in words.
public struct FactRecord: Hashable, Sendable, Codable {
    /// What it is about.
    public var name: String
    /// What it is.
    public var value: String
}

/// Where the contexts of a partition ran.
public struct MapRecord: Hashable, Sendable, Codable {
    /// How contexts got their SMs.
    public var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    public var partition: Partition
    /// SMs promised to each context.
    public var promised: [Int]
    /// The hardware's numbers of the SMs that each context ran on.
    public var found: [[Int]]
    /// What differs from the promise, or why nothing was measured; `nil` if all is as promised.
    public var problem: String?
    /// Whether it was measured.
    public var isMeasured: Bool
    /// What should be known though nothing else was promised.
    public var remark: String?
}

/// How far a network's outputs on the device are from those on the CPU.
public struct OutputRecord: Hashable, Sendable, Codable {
    /// The network.
    public var network: String
    /// The stages it was cut into on the device; on the CPU it is whole.
    public var stages: Int
    /// Inferences a job.
    public var batch: Int
    /// The largest difference as a share of the largest number expected.
    public var relativeDifference: Double

    /// The largest relative difference that still counts as equal.
    public static let limit = 1e-3
    /// Whether they agree.
    public var agrees: Bool { relativeDifference <= Self.limit }
}

/// Stage times beside busy neighbours.
public struct NeighbourRecord: Hashable, Sendable, Codable {
    /// The network, which the neighbours run too.
    public var network: String
    /// How contexts got their SMs.
    public var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    public var partition: Partition
    /// SMs or cores of a context.
    public var quota: Int
    /// Other lanes that were busy.
    public var neighbours: Int
    /// Time of each stage in ms.
    public var stageMs: [Double]
}

/// A network alone at a batch size, one batch after another.
public struct BatchingRecord: Hashable, Sendable, Codable {
    /// The network.
    public var network: String
    /// Inferences a batch.
    public var batch: Int
    /// Lanes that ran batches at the same time: 1 or 2.
    public var lanes: Int
    /// The stages it was cut into.
    public var stages: Int
    /// Inferences a second.
    public var jps: Double
    /// Energy an inference in J, where the device counts it.
    public var joules: Double?
}
