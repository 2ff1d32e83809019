public import DarisCore

/// A way to run a task set: how the device is cut, and whether jobs may be batched.
public struct SweepConfiguration: Hashable, Sendable, Codable {
    /// How contexts get their SMs.
    public var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    public var partition: Partition
    /// Whether the scheduler may put jobs together.
    public var isBatching: Bool

    /// A configuration.
    public init(_ kind: PartitionKind, _ partition: Partition, isBatching: Bool = false) {
        self.kind = kind
        self.partition = partition
        self.isBatching = isBatching
    }

    /// `green 6×1 OS 6`, `green 6×1 OS 6, batching`.
    public var label: String {
        let os = partition.oversubscription
        let number = os == os.rounded() ? "\(Int(os))" : "\((os * 100).rounded() / 100)"
        let cut = "\(kind.rawValue) \(partition.contexts)×\(partition.streams)"
        return cut + (partition.contexts > 1 ? " OS \(number)" : "") + (isBatching ? ", batching" : "")
    }
}
