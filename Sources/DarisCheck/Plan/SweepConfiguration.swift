import DarisCore

/// A way to run a task set: how the device is cut, and how many jobs may be batched.
package struct SweepConfiguration: Hashable, Sendable, Codable {
    /// How contexts get their SMs.
    package var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    package var partition: Partition
    /// The most jobs that the scheduler may put together; 1 for none.
    package var largestBatch: Int

    /// A configuration.
    package init(_ kind: PartitionKind, _ partition: Partition, largestBatch: Int = 1) {
        self.kind = kind
        self.partition = partition
        self.largestBatch = largestBatch
    }

    /// `green 6×1 OS 6`, `green 6×1 OS 6, batches of 16`.
    package var label: String {
        let os = partition.oversubscription
        let number = os == os.rounded() ? "\(Int(os))" : "\((os * 100).rounded() / 100)"
        let cut = "\(kind.rawValue) \(partition.contexts)×\(partition.streams)"
        let batches = largestBatch > 1 ? ", batches of \(largestBatch)" : ""
        return cut + (partition.contexts > 1 ? " OS \(number)" : "") + batches
    }
}
