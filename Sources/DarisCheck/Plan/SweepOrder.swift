import DarisCore

/// The order in which partitions are tried: first a few of each kind in turn, then the neighbours of the best so far.
/// So a sweep that is cut off has still seen the likely best of every kind.
package struct SweepOrder: Sendable {
    private var seeds: [SweepConfiguration]
    /// The configurations returned so far.
    package private(set) var tried: Set<SweepConfiguration> = []
    /// The limit of lanes.
    private let limit: Int
    /// The largest batch of the first configurations with batching.
    static let usualBatch = 32

    /// An order.
    ///
    /// - Parameters:
    ///   - kinds: The kinds of partition.
    ///   - batching: Whether each partition is also tried with batching.
    ///   - limit: The limit of lanes.
    package init(kinds: [PartitionKind], batching: Bool, limit: Int) {
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

    /// Whether the first few of each kind have all been returned.
    package var hasSeenAllKinds: Bool { seeds.isEmpty }

    /// Returns the next configuration, or `nil` if the best has no neighbour left.
    ///
    /// - Parameter best: The best of those measured so far.
    package mutating func next(best: SweepConfiguration?) -> SweepConfiguration? {
        let next = seeds.isEmpty ? best.flatMap(neighbour) : seeds.removeFirst()
        guard let next else { return nil }
        tried.insert(next)
        return next
    }

    /// Likely good partitions of a kind, the most likely first: the paper's best, then some around it.
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

    /// A neighbour of a configuration that has not been tried: with larger or smaller batches, one context or stream
    /// more or less, or another oversubscription.
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

/// A configuration for a task set: the partition of the device, and the limit of batching.
package struct SweepConfiguration: Hashable, Sendable, Codable {
    /// The kind of partition.
    package var kind: PartitionKind
    /// Contexts, streams and oversubscription.
    package var partition: Partition
    /// The largest batch that the scheduler may form; 1 for no batching.
    package var largestBatch: Int
    /// The stages of each network; `nil` for the networks' own numbers.
    package var stages: Int?

    /// A configuration.
    package init(_ kind: PartitionKind, _ partition: Partition, largestBatch: Int = 1, stages: Int? = nil) {
        self.kind = kind
        self.partition = partition
        self.largestBatch = largestBatch
        self.stages = stages
    }

    /// `green 6×1 OS 6`, `green 6×1 OS 6, batches of 16`, `streams 1×3, batches of 64, one stage`.
    package var label: String {
        let os = partition.oversubscription
        let number = os == os.rounded() ? "\(Int(os))" : "\((os * 100).rounded() / 100)"
        let cut = "\(kind.rawValue) \(partition.contexts)×\(partition.streams)"
        let batches = largestBatch > 1 ? ", batches of \(largestBatch)" : ""
        let cuts = stages.map { $0 == 1 ? ", one stage" : ", \($0) stages" } ?? ""
        return cut + (partition.contexts > 1 ? " OS \(number)" : "") + batches + cuts
    }
}
