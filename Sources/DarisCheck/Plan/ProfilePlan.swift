import DarisCore

/// The partitions in which stage times are measured. Two quotas come first, without which a profile is of no use, then full
/// load with contexts that overlap, then more quotas.
enum ProfilePlan {
    /// How a device is cut, and with how many busy neighbours the first lane is timed.
    struct Entry: Hashable {
        var kind: PartitionKind
        var partition: Partition
        var neighbours: [Int]
    }

    static func entries(isCPU: Bool) -> [Entry] {
        let shapes: [(kind: PartitionKind, contexts: Int, streams: Int, oversubscription: Double)] =
            isCPU
            ? [(.cores, 1, 1, 1), (.cores, 2, 1, 1), (.cores, 2, 1, 2), (.cores, 1, 2, 1)]
            : [
                (.green, 1, 1, 1), (.green, 4, 1, 1), (.green, 6, 1, 6), (.green, 2, 1, 1), (.streams, 1, 4, 1),
                (.green, 6, 1, 2), (.green, 8, 1, 1), (.green, 4, 1, 4), (.streams, 1, 8, 1),
            ]
        return shapes.map { kind, contexts, streams, oversubscription in
            let partition = Partition(contexts: contexts, streams: streams, oversubscription: oversubscription)
            let others = partition.lanes - 1
            return Entry(
                kind: kind, partition: partition,
                neighbours: Set([0, 1, others / 2, others]).filter { $0 <= others }.sorted())
        }
    }
}
