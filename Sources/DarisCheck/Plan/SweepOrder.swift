import DarisCore

/// In which order partitions are tried, so that a sweep that is cut off has still seen the likely best of every kind: first
/// a few of each kind in turn, then the neighbours of the best so far.
package struct SweepOrder: Sendable {
    private let kinds: [PartitionKind]
    private var seeds: [SweepConfiguration]
    /// What has been given out.
    package private(set) var tried: Set<SweepConfiguration> = []
    /// The most contexts, and the most lanes.
    private let limit: Int
    /// The most jobs of a batch, where a partition is tried with batching first.
    static let usualBatch = 32

    /// An order.
    ///
    /// - Parameters:
    ///   - kinds: how contexts may get their SMs.
    ///   - batching: whether each partition is tried with batching, too.
    ///   - limit: the most lanes.
    package init(kinds: [PartitionKind], batching: Bool, limit: Int) {
        self.kinds = kinds
        self.limit = limit
        let lists = kinds.map { kind in
            Self.shapes(of: kind).filter { $0.lanes <= limit }.map { SweepConfiguration(kind, $0) }
        }
        var seeds: [SweepConfiguration] = []
        for place in 0..<(lists.map(\.count).max() ?? 0) {
            for list in lists where place < list.count {
                // Worker processes run jobs one by one.
                if batching, list[place].kind != .mps {
                    var other = list[place]
                    other.largestBatch = Self.usualBatch
                    seeds.append(other)
                }
                seeds.append(list[place])
            }
        }
        self.seeds = seeds
    }

    /// Whether the first few of each kind have all been given out.
    package var hasSeenAllKinds: Bool { seeds.isEmpty }

    /// The next one, or `nil` if the best has no neighbour left.
    ///
    /// - Parameter best: of those measured so far.
    package mutating func next(best: SweepConfiguration?) -> SweepConfiguration? {
        let next = seeds.isEmpty ? best.flatMap(neighbour) : seeds.removeFirst()
        guard let next else { return nil }
        tried.insert(next)
        return next
    }

    /// Likely good partitions of a kind, the likeliest first: the paper's best on its card, then around it.
    private static func shapes(of kind: PartitionKind) -> [Partition] {
        let shapes: [(contexts: Int, streams: Int, oversubscription: Double)] =
            switch kind {
            case .streams: [(1, 4, 1), (1, 8, 1), (1, 6, 1), (1, 2, 1)]
            case .green: [(6, 1, 6), (4, 1, 4), (6, 1, 2), (6, 1, 1), (8, 1, 8), (4, 2, 2), (4, 1, 1)]
            case .mps: [(6, 1, 6)]
            case .cores: [(2, 1, 1), (1, 1, 1), (2, 1, 2), (1, 2, 1)]
            }
        return shapes.map {
            Partition(contexts: $0.contexts, streams: $0.streams, oversubscription: $0.oversubscription)
        }
    }

    /// A partition beside another that has not been tried: larger or smaller batches, one context or stream more
    /// or less, or another oversubscription.
    private func neighbour(of configuration: SweepConfiguration) -> SweepConfiguration? {
        let (contexts, streams) = (configuration.partition.contexts, configuration.partition.streams)
        let os = configuration.partition.oversubscription
        let share = os / Double(contexts)
        var shapes: [(Int, Int, Double)] = []
        if contexts > 1 {
            shapes += [os * 1.5, os / 1.5, Double(contexts), 1].map { (contexts, streams, $0) }
            shapes += [contexts + 1, contexts - 1, contexts + 2, contexts - 2]
                .map { ($0, streams, $0 < 2 ? 1 : share * Double($0)) }
        }
        shapes += [(contexts, streams + 1, os), (contexts, streams - 1, os), (contexts, streams + 2, os)]
        let neighbours = shapes.map { contexts, streams, os in
            SweepConfiguration(
                configuration.kind,
                Partition(
                    contexts: contexts, streams: streams,
                    oversubscription: min(Double(max(1, contexts)), max(1, (os * 100).rounded() / 100))),
                largestBatch: configuration.largestBatch)
        }
        let batches = configuration.largestBatch
        let sizes = batches == 1 ? [] : [batches * 2, batches / 2].filter { (2...Self.usualBatch).contains($0) }
        let candidates = sizes.map { SweepConfiguration(configuration.kind, configuration.partition, largestBatch: $0) }
        return (candidates + neighbours).first { other in
            other.partition.contexts >= 1 && other.partition.streams >= 1 && other.partition.lanes <= limit
                && (other.kind != .streams || other.partition.contexts == 1) && !tried.contains(other)
        }
    }
}
