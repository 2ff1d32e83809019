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
    /// How stages share it.
    package var sharing: Sharing
    /// The costs of networks on it, by the name of the built-in network or of the model in the task set.
    package var networks: [String: NetworkCost]

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
        /// By how much `noise` grows with each busy lane beyond the first; `nil` for not at all.
        package var noiseCrowding: Double?

        /// A guess: a few thread blocks' time.
        package static let usualPreemptionMs = 0.05
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
            ("sharing.noiseCrowding", sharing.noiseCrowding ?? 0, 0...1),
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
