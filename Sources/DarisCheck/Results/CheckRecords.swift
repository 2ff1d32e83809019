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
    /// Lanes that ran batches at the same time.
    package var lanes: Int
    /// The stages it was cut into; 1 if it ran whole.
    package var stages: Int
    /// Inferences a second.
    package var jps: Double
    /// Energy an inference in J, where the device counts it.
    package var joules: Double?
    /// The device's clocks and power meanwhile, where it tells them.
    package var load: DeviceLoad?
}

/// What is meant by the throughput of batching.
package enum BatchingDefinition: String, Hashable, Sendable, Codable {
    /// The paper's: one batch at a time, of at most 10 inferences.
    case paper = "batching (paper)"
    /// The most that batches can do: any size, on any number of lanes.
    case strict = "batching (strict)"
    /// One inference at a time.
    case single = "batch 1"

    /// Whether a closed loop is of this kind. The network is whole in all of them.
    package func admits(_ record: BatchingRecord) -> Bool {
        guard record.stages == 1 else { return false }
        return switch self {
        case .paper: record.lanes == 1 && record.batch <= 10
        case .strict: true
        case .single: record.lanes == 1 && record.batch == 1
        }
    }
}

/// The dispatches of a stage in a run.
package struct StageBatches: Hashable, Sendable, Codable {
    /// The network.
    package var network: String
    /// The stage, counted from 0.
    package var stage: Int
    /// How often it was dispatched.
    package var dispatches: Int
    /// The jobs in these dispatches.
    package var jobs: Int
    /// Jobs a dispatch; 0 without any.
    package var meanBatch: Double

    /// The dispatches of a stage.
    package init(network: String, stage: Int, dispatches: Int, jobs: Int) {
        self.network = network
        self.stage = stage
        self.dispatches = dispatches
        self.jobs = jobs
        meanBatch = dispatches > 0 ? Double(jobs) / Double(dispatches) : 0
    }
}

/// What a GPU said of itself during a measurement. Everything is of the whole card.
package struct DeviceLoad: Hashable, Sendable, Codable {
    /// Mean power in W, by the energy counter.
    package var watts: Double?
    /// The mean clock of the SMs in MHz.
    package var clockMHz: Double?
    /// The lowest clock seen in MHz.
    package var leastClockMHz: Int?
    /// The highest temperature seen in °C.
    package var celsius: Int?
}

/// The throughput of a network in another precision or layout.
package struct PrecisionRecord: Hashable, Sendable, Codable {
    /// How the network ran.
    package var variant: CheckVariant
    /// Its closed loop.
    package var loop: BatchingRecord
}

/// The throughput of a network in PyTorch, as its script reports it.
package struct PyTorchRecord: Hashable, Sendable, Codable {
    /// The network.
    package var network: String
    /// `half` or `tf32`.
    package var precision: String
    /// Whether it was compiled, or else captured as it is.
    package var compiled: Bool
    /// Inferences a batch.
    package var batch: Int
    /// Inferences a second.
    package var jps: Double
}
