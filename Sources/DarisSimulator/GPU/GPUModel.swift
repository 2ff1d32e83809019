/// The simulator's model of a GPU: data-sheet figures, how stages share the GPU, and the costs of networks. It is the
/// content of a device file; `docs/gpu-model.md` has the equations.
package struct GPUModel: Hashable, Sendable, Codable {
    /// The product name, such as `NVIDIA GeForce RTX 2080 Ti`.
    package var title: String
    /// The source of its numbers, in a sentence.
    package var source: String
    /// Whether its numbers were fitted to measurements. If not, it is a prediction, and every output says so.
    package var isMeasured: Bool
    /// M: the number of SMs.
    package var processors: Int
    /// The number of SMs that are only allocated together.
    package var granularity: Int
    /// Device memory in MiB.
    package var memoryMiB: Double
    /// Peak single-precision rate in TFLOP/s, from the data sheet.
    package var peakTFLOPS: Double
    /// Peak memory bandwidth in GB/s, from the data sheet.
    package var bandwidthGBs: Double
    /// How stages share it, where the host launches their kernels one by one.
    package var sharing: Sharing
    /// The costs of networks on it, by the name of the built-in network or of the model in the task set.
    package var networks: [String: NetworkCost]
    /// How stages that are CUDA graphs run on it, in place of `sharing` and `networks`, which are empty then; `nil` where kernels
    /// are launched one by one.
    package var graphs: GraphModel?
    /// What it draws; `nil` where nothing is known.
    package var power: PowerModel?

    /// The electric power of a card: what it draws while nothing runs, and what is added while all of it works. In W.
    package struct PowerModel: Hashable, Sendable, Codable {
        package var idleWatts: Double
        package var busyWatts: Double
        /// Whether it was fitted to measurements; else it is a prediction from the board's power limit.
        package var isMeasured: Bool

        /// Energy in J over a time in s of which the card works for `busy` s.
        package func joules(seconds: Double, busy: Double) -> Double { idleWatts * seconds + busyWatts * busy }
    }

    /// How concurrent stages share the device and the host that launches them.
    package struct Sharing: Hashable, Sendable, Codable {
        /// σ: the standard deviation of the logarithm of execution times.
        package var noise: Double
        /// o: host time per stage that delays nothing else (wake-up, synchronisation), in ms.
        package var stageOverheadMs: Double
        /// θ: how much the SM windows of MPS contexts overlap by chance: 0 never, 1 as if drawn at random.
        package var windowOverlap: Double
        /// δ: the share of the device that the kernels of a single context leave unused between them.
        package var kernelGap: Double
        /// ε: the slowdown of n stages that compute in one context at the same time: 1 + ε (1 − 1/n).
        package var streamInterference: Double
        /// b₀: with several streams in several contexts, the lanes up to which a launch costs no more than alone.
        package var launchLanes: Double
        /// κ: the slowdown of launches by each busy lane beyond `launchLanes`.
        package var launchCrowding: Double
        /// H: the lanes that the hardware queues serve.
        package var queueLanes: Double
        /// λ: the slowdown of everything by each busy lane beyond `queueLanes`.
        package var queueCrowding: Double
        /// How long what runs keeps its SMs when an express stage starts, in ms; `nil` where it has not been measured, which
        /// stands for a guess.
        package var preemptionMs: Double?
        /// The share of stages that take `tailFactor` times as long; `nil` for none.
        package var tailShare: Double?
        /// How many times as long those stages take; `nil` for once.
        package var tailFactor: Double?

        /// A guess: a few thread blocks' time.
        package static let usualPreemptionMs = 0.05
    }

    private enum CodingKeys: String, CodingKey {
        case title, source, isMeasured, processors, granularity, memoryMiB, peakTFLOPS, bandwidthGBs, sharing, networks,
            graphs, power
    }

    /// The largest number of SMs in a device file.
    package static let processorLimit = 4096

    /// The first invalid number, in a sentence with its field and valid values; `nil` if all are valid.
    package func problem() -> String? {
        guard (1...Self.processorLimit).contains(processors) else {
            return "processors is \(processors); it must be from 1 to \(Self.processorLimit)"
        }
        guard (1...processors).contains(granularity) else {
            return "granularity is \(granularity); it must be from 1 to processors (\(processors))"
        }
        var checks: [(name: String, value: Double, range: ClosedRange<Double>)] = [
            ("memoryMiB", memoryMiB, 1...1e9), ("peakTFLOPS", peakTFLOPS, 1e-3...1e6),
            ("bandwidthGBs", bandwidthGBs, 1e-3...1e9), ("sharing.noise", sharing.noise, 0...1),
            ("sharing.stageOverheadMs", sharing.stageOverheadMs, 0...1e4),
            ("sharing.windowOverlap", sharing.windowOverlap, 0...1), ("sharing.kernelGap", sharing.kernelGap, 0...0.9),
            ("sharing.streamInterference", sharing.streamInterference, 0...10),
            ("sharing.launchLanes", sharing.launchLanes, 0...1e6),
            ("sharing.launchCrowding", sharing.launchCrowding, 0...1e3),
            ("sharing.queueLanes", sharing.queueLanes, 0...1e6),
            ("sharing.queueCrowding", sharing.queueCrowding, 0...1e3),
            ("sharing.preemptionMs", sharing.preemptionMs ?? 0, 0...1e3),
            ("sharing.tailShare", sharing.tailShare ?? 0, 0...1),
            ("sharing.tailFactor", sharing.tailFactor ?? 1, 1...1e3),
        ]
        checks += graphs?.checks ?? []
        checks += [
            ("power.idleWatts", power?.idleWatts ?? 0, 0...1e5), ("power.busyWatts", power?.busyWatts ?? 0, 0...1e5),
        ]
        for (name, cost) in networks.sorted(by: { $0.key < $1.key }) {
            checks += [
                ("networks.\(name).launchMs", cost.launchMs, 0...1e6),
                ("networks.\(name).workSMms", cost.workSMms, 1e-6...1e9),
                ("networks.\(name).parallelism", cost.parallelism, 0.1...4096),
                ("networks.\(name).batchedParallelism", cost.batchedParallelism, 0.1...4096),
                ("networks.\(name).bandwidthShare", cost.bandwidthShare, 0.01...1),
                ("networks.\(name).memoryMiB", cost.memoryMiB, 0...1e9),
            ]
        }
        for check in checks where !check.range.contains(check.value) {
            return
                "\(check.name) is \(check.value); it must be from \(check.range.lowerBound) to \(check.range.upperBound)"
        }
        return nil
    }
}

extension GPUModel {
    /// Reads a device file: with `graphs`, or with `sharing` and `networks`.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        title = try values.decode(String.self, forKey: .title)
        source = try values.decode(String.self, forKey: .source)
        isMeasured = try values.decode(Bool.self, forKey: .isMeasured)
        processors = try values.decode(Int.self, forKey: .processors)
        granularity = try values.decode(Int.self, forKey: .granularity)
        memoryMiB = try values.decode(Double.self, forKey: .memoryMiB)
        peakTFLOPS = try values.decode(Double.self, forKey: .peakTFLOPS)
        bandwidthGBs = try values.decode(Double.self, forKey: .bandwidthGBs)
        graphs = try values.decodeIfPresent(GraphModel.self, forKey: .graphs)
        power = try values.decodeIfPresent(PowerModel.self, forKey: .power)
        guard graphs == nil else {
            (sharing, networks) = (.none, [:])
            return
        }
        sharing = try values.decode(Sharing.self, forKey: .sharing)
        networks = try values.decode([String: NetworkCost].self, forKey: .networks)
    }

    /// Writes a device file.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(title, forKey: .title)
        try values.encode(source, forKey: .source)
        try values.encode(isMeasured, forKey: .isMeasured)
        try values.encode(processors, forKey: .processors)
        try values.encode(granularity, forKey: .granularity)
        try values.encode(memoryMiB, forKey: .memoryMiB)
        try values.encode(peakTFLOPS, forKey: .peakTFLOPS)
        try values.encode(bandwidthGBs, forKey: .bandwidthGBs)
        try values.encodeIfPresent(power, forKey: .power)
        if let graphs { return try values.encode(graphs, forKey: .graphs) }
        try values.encode(sharing, forKey: .sharing)
        try values.encode(networks, forKey: .networks)
    }

    /// The names of the networks whose costs are known.
    package var networkNames: [String] { (graphs.map { Array($0.networks.keys) } ?? Array(networks.keys)).sorted() }

    /// Device memory for a network's weights and working buffers, in MiB; `nil` if the network is unknown.
    package func memoryMiB(of network: String) -> Double? {
        graphs.map { $0.networks[network]?.memoryMiB } ?? networks[network]?.memoryMiB
    }

    /// The costs of a network's stages for one dispatch of `inferences` inferences; `nil` if the network is unknown.
    package func stages(of network: String, stages: Int, inferences: Int) -> [SimulatedStage]? {
        if let graphs {
            return graphs.stages(network, stages: stages, inferences: inferences)?.map { .graph($0) }
        }
        return networks[network]?.stages(stages, batch: inferences).map { .launched($0) }
    }

    /// The time of one inference alone in a context of `quota` SMs, in ms; `nil` if the network is unknown.
    package func aloneMs(_ network: String, quota: Int) -> Double? {
        guard let graphs else {
            return networks[network].map { $0.launchMs + $0.workSMms / min($0.parallelism, Double(quota)) }
        }
        return graphs.networks[network].map { cost in
            let (once, work) = (min(cost.w0, cost.t0 + cost.t1), min(cost.w0 + cost.w1, cost.t0 + cost.t1))
            let longer = graphs.quotaShare * once + graphs.quotaShareOfJobs * (work - once)
            return cost.t0 + cost.t1 + longer * (Double(processors) / Double(quota) - 1)
        }
    }
}

extension GPUModel.Sharing {
    /// Of a card whose stages are graphs.
    static let none = Self(
        noise: 0, stageOverheadMs: 0, windowOverlap: 0, kernelGap: 0, streamInterference: 0, launchLanes: 0,
        launchCrowding: 0, queueLanes: 0, queueCrowding: 0)
}
