import DarisCore

/// The partitions on which the task sets are measured.
///
/// ```swift
/// let two = PartitionChoice.best(2, of: PartitionChoice.candidates) { simulated[$0] }
/// ```
package enum PartitionChoice {
    /// The partitions that may be chosen, for batches of up to 64 of whole networks. The first two are the choice without a
    /// forecast: with the device model that was fitted to an H200 they did best.
    package static let candidates: [SweepConfiguration] = [
        make(.streams, 1, 3, 1), make(.green, 6, 1, 2), make(.streams, 1, 2, 1), make(.streams, 1, 4, 1),
        make(.green, 4, 1, 2), make(.green, 6, 1, 6), make(.green, 3, 1, 3),
    ]

    /// The best partitions by a forecast, the best first.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - candidates: without a forecast the first of them count.
    ///   - forecast: the expected share of the throughput of batching that a partition reaches with deadlines kept; `nil` if
    ///     there is no forecast for it. Partitions without one come last.
    package static func best(
        _ count: Int, of candidates: [SweepConfiguration], forecast: (SweepConfiguration) -> Double? = { _ in nil }
    ) -> [SweepConfiguration] {
        let rated = candidates.enumerated().map { (place: $0.offset, value: forecast($0.element) ?? -.infinity) }
        let order = rated.sorted { ($0.value, $1.place) > ($1.value, $0.place) }
        return order.prefix(count).map { candidates[$0.place] }
    }

    private static func make(
        _ kind: PartitionKind, _ contexts: Int, _ streams: Int, _ oversubscription: Double
    ) -> SweepConfiguration {
        SweepConfiguration(
            kind, Partition(contexts: contexts, streams: streams, oversubscription: oversubscription), largestBatch: 64,
            stages: 1)
    }

    /// The partitions without batching, job by job, in the networks' own stages: 6 contexts of one stream, at OS 1, 2 and N_c.
    package static func unbatched(_ kinds: [PartitionKind]) -> [SweepConfiguration] {
        guard !kinds.contains(.cores) else {
            return [1.0, 2].map {
                SweepConfiguration(.cores, Partition(contexts: 2, streams: 1, oversubscription: $0))
            }
        }
        return [PartitionKind.green, .mps].filter(kinds.contains).flatMap { kind in
            [1.0, 2, 6].map { SweepConfiguration(kind, Partition(contexts: 6, streams: 1, oversubscription: $0)) }
        }
    }
}
