/// How a device is cut into contexts and streams (paper section III-B: the policies STR, MPS and MPS+STR).
public struct Partition: Hashable, Sendable, Codable {
    /// N_c, the number of contexts: at least 1.
    public var contexts: Int
    /// N_s, the number of streams in each context: at least 1.
    public var streams: Int
    /// OS, from 1 (contexts are disjoint) to N_c (every context may use the whole device).
    public var oversubscription: Double
    /// The express lanes of each context, from 0 (the paper) to N_s. Only HP jobs run there, while no ordinary lane of the
    /// context is free: on top of the LP stages that hold those, not beside them (docs/decisions/0018).
    public var express: Int

    /// The largest `contexts` and the largest `streams`.
    public static let limit = 256

    /// A partition of `contexts` × `streams` ordinary lanes, and `contexts` × `express` express lanes on top.
    public init(contexts: Int, streams: Int, oversubscription: Double, express: Int = 0) {
        self.contexts = contexts
        self.streams = streams
        self.oversubscription = oversubscription
        self.express = express
    }

    /// The ordinary lanes, N_c × N_s: what the device can do at once, by which load and utilisation are told.
    public var lanes: Int { contexts * streams }

    /// All lanes, express lanes too. They are numbered context by context, ordinary lanes first.
    package var laneCount: Int { contexts * lanesPerContext }

    /// Contexts, streams and oversubscription in words: what execution times under full load depend on.
    package var shape: String { "\(contexts)x\(streams) OS \(oversubscription)" }

    /// The lanes of a context, express lanes too.
    package var lanesPerContext: Int { streams + express }

    /// The context that a lane belongs to.
    package func context(of lane: Int) -> Int { lane / lanesPerContext }

    /// The lanes of a context, express lanes last.
    package func lanes(of context: Int) -> Range<Int> { context * lanesPerContext..<(context + 1) * lanesPerContext }

    /// The number of a lane within its context.
    package func place(of lane: Int) -> Int { lane % lanesPerContext }

    /// A lane within its context, for people.
    package func laneName(_ lane: Int) -> String {
        isExpress(lane) ? "express lane \(place(of: lane) - streams)" : "lane \(place(of: lane))"
    }

    /// Whether only HP jobs run on a lane.
    package func isExpress(_ lane: Int) -> Bool { place(of: lane) >= streams }

    /// The paper's name for this shape.
    package var policyName: String {
        switch (contexts, streams) {
        case (1, _): "STR"
        case (_, 1): "MPS"
        default: "MPS+STR"
        }
    }

    /// The compute units each context may use: min(M, roundUp(⌈OS·M / N_c⌉, granularity)), paper equation 9.
    ///
    /// - Parameters:
    ///   - units: M, the units of the whole device: SMs of a GPU, cores of a CPU.
    ///   - granularity: the units that can only be given together. The paper's GPU shares SMs in pairs (2); a CPU's
    ///     cores stand alone (1).
    package func quota(units: Int, granularity: Int) -> Int {
        // A product such as 1.1 · 10 comes out a hair too large; that must not cost a whole unit.
        let share = Int((oversubscription * Double(units) / Double(contexts) - 1e-9).rounded(.up))
        return min(units, (share + granularity - 1) / granularity * granularity)
    }

    /// The groups of units of each context where they are fixed (green contexts), ascending, at least one each.
    ///
    /// At OS = 1 contexts are disjoint and share the groups out, sizes differing by one group at most, so that none stays
    /// idle; where there are more contexts than groups, some share one. Beyond, every context gets a window of its quota
    /// (paper equation 9), rounded up to whole groups; windows start evenly spread and go round the end of the device, so
    /// that every group serves about as many contexts as another.
    ///
    /// - Parameters:
    ///   - groupCount: how many groups the device has, numbered from 0.
    ///   - groupSize: the units of a group.
    package func windows(groupCount: Int, groupSize: Int) -> [[Int]] {
        (0..<contexts).map { context in
            let start = context * groupCount / contexts
            guard oversubscription > 1 || contexts > groupCount else {
                return Array(start..<(context + 1) * groupCount / contexts)
            }
            let size = quota(units: groupCount * groupSize, granularity: groupSize) / groupSize
            return (start..<start + max(1, size)).map { $0 % groupCount }.sorted()
        }
    }
}

extension Partition {
    private enum CodingKeys: String, CodingKey { case contexts, streams, oversubscription, express }

    /// Reads a partition. Without `express` it is the paper's, as in records from before there were express lanes.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            contexts: try values.decode(Int.self, forKey: .contexts),
            streams: try values.decode(Int.self, forKey: .streams),
            oversubscription: try values.decode(Double.self, forKey: .oversubscription),
            express: try values.decodeIfPresent(Int.self, forKey: .express) ?? 0)
    }

    /// Writes a partition; the paper's as it always was.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(contexts, forKey: .contexts)
        try values.encode(streams, forKey: .streams)
        try values.encode(oversubscription, forKey: .oversubscription)
        if express != 0 { try values.encode(express, forKey: .express) }
    }
}

/// How the contexts of a partition get their share of the device.
package enum PartitionKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Sets of a CPU's cores.
    case cores
    /// One context of a GPU with several streams (STR).
    case streams
    /// Contexts of a GPU under MPS, which bounds how many SMs each may use but not which.
    case mps
    /// Green contexts: fixed windows of SMs, disjoint while the quotas add up to no more than the device.
    case green

    /// The kind that a GPU's partition has if nothing is said of it.
    package static func standard(contexts: Int) -> PartitionKind { contexts == 1 ? .streams : .mps }
}
