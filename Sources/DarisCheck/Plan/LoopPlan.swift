/// The closed loops of question 1: those that decide most first.
enum LoopPlan {
    /// A network at a batch size, whole or in its own stages.
    struct Entry: Hashable {
        var network: CheckNetwork
        var batch: Int
        var stages: Int
    }

    /// U-Net and Inception v3 whole, then cut, in batches of 64 and of 32; ResNet18 in batches of 128. Networks from files are
    /// like U-Net. A rehearsal has two small batches of each network.
    static func entries(_ networks: [CheckNetwork], isRehearsal: Bool = false) -> [Entry] {
        func entries(_ network: CheckNetwork, _ batches: [Int], whole: Bool) -> [Entry] {
            batches.map { Entry(network: network, batch: $0, stages: whole ? 1 : network.stages) }
        }
        if isRehearsal { return networks.flatMap { entries($0, [2], whole: true) + entries($0, [2], whole: false) } }
        let first = networks.filter { !["resnet18", "resnet50"].contains($0.name) }
            .sorted { ($0.name != "unet" ? 1 : 0) < ($1.name != "unet" ? 1 : 0) }
        let resnet = networks.filter { $0.name == "resnet18" }
        return [64, 32].flatMap { batch in first.flatMap { entries($0, [batch], whole: true) } }
            + [64, 32].flatMap { batch in first.flatMap { entries($0, [batch], whole: false) } }
            + resnet.flatMap { entries($0, [128], whole: true) + entries($0, [128], whole: false) }
    }

    /// The numbers of lanes.
    static func lanes(isRehearsal: Bool) -> [Int] { isRehearsal ? [1, 2] : [1, 2, 3, 4] }
}

/// The measurements of batching alone, of whole networks. The sizes that are likely the best by each definition come first for every
/// network, since a late measurement may be cut off.
enum BatchingPlan {
    /// The batch sizes: 8 to 128, with 10 for the paper's definition and 1 for runs without batching.
    static func sizes(isRehearsal: Bool) -> [Int] { isRehearsal ? [4, 1, 8, 2] : [64, 10, 128, 32, 1, 16, 8] }

    /// The numbers of lanes that run batches at the same time.
    static func lanes(isRehearsal: Bool) -> [Int] { isRehearsal ? [1, 2] : [1, 2, 4] }

    /// All entries: size by size, each network, whole.
    static func entries(_ networks: [CheckNetwork], isRehearsal: Bool = false) -> [LoopPlan.Entry] {
        sizes(isRehearsal: isRehearsal).flatMap { size in
            networks.map { LoopPlan.Entry(network: $0, batch: size, stages: 1) }
        }
    }
}
