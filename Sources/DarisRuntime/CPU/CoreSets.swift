import DarisCore

/// The cores of each context of a CPU.
package enum CoreSets {
    /// Windows of `quota` cores, spread evenly: disjoint where the oversubscription is 1, overlapping where it is more.
    ///
    /// The quota is the design's formula with M = cores and granularity 1, since cores, unlike the SMs of the paper's
    /// card, are not tied in pairs.
    package static func sets(_ partition: Partition, processors: [Int]) -> [[Int]] {
        let quota = partition.quota(units: processors.count, granularity: 1)
        return (0..<partition.contexts).map { context in
            let first = context * processors.count / partition.contexts
            return (0..<quota).map { processors[(first + $0) % processors.count] }.sorted()
        }
    }
}
