import DarisSimulator

/// What was predicted of a card before it was measured, by a simulator that was fitted to an earlier check of it. A check judges
/// each prediction by its own figures.
package struct CardPredictions: Hashable, Sendable {
    /// A part of the card's name.
    let card: String
    /// Where the predictions come from.
    let source: String
    /// The best throughput of batching alone of the earlier check, in inferences a second: what the predicted ratios refer to.
    let batching: [String: Double]
    /// Of closed loops.
    let loops: [Loop]
    /// Of task sets in one stage, with batches of up to 64, on three streams, at 1.5 times `batching`.
    let largeBatches: [TaskSetRatio]
    /// Of Inception v3 in its 13 stages, with batches of up to 32, on four streams.
    let asBefore: [Bound]

    /// The throughput of a network in batches on 1 to 4 lanes.
    struct Loop: Hashable, Sendable {
        var network: String
        var batch: Int
        var stages: Int
        /// Inferences a second, by the number of lanes.
        var jps: [Double]
        /// The one that decides about a term of the model: at most `refuted` refutes it, at least `confirmed` confirms it. All
        /// others are confirmed within 10 %.
        var decisive: Decisive?
    }

    /// The figure that decides about a term of the model.
    struct Decisive: Hashable, Sendable {
        var lanes: Int
        var refuted: Double
        var confirmed: Double
    }

    /// The throughput of a task set relative to `batching`.
    struct TaskSetRatio: Hashable, Sendable {
        var taskSet: String
        var range: ClosedRange<Double>
    }

    /// A figure of a run of Inception v3.
    struct Bound: Hashable, Sendable {
        enum Subject: Hashable, Sendable {
            /// The largest mean batch of the stages 0 to 4.
            case earlyBatches
            /// JPS relative to `batching`.
            case ratio
        }

        var subject: Subject
        var range: ClosedRange<Double>
    }

    /// The predictions for a card, by its name; `nil` if there are none.
    package static func of(_ name: String) -> CardPredictions? { all.first { name.contains($0.card) } }

    /// The LP deadline miss rate that is predicted of every task set in one stage.
    static let lpDMR = 0.01

    private static let all = [h200]

    /// Closed loops are by the device model of 2026-11-27 (time and work affine in the batch, collisions, bus and boundary copies,
    /// serial dispatch), which was fitted to batches of 1, 4, 16 and 64, U-Net and Inception v3 in stages only; the ranges of task
    /// sets are over several fits of it.
    private static let h200 = CardPredictions(
        card: "H200",
        source: "simulated by a device model fitted to results/h200-2026-11-26-2, without any run of the scheduler",
        batching: ["resnet18": 16_632.6, "unet": 2_184.57, "inception_v3": 8_123.91],
        loops: [
            Loop(
                network: "unet", batch: 64, stages: 1, jps: [2_101, 2_538, 3_005, 3_052],
                decisive: Decisive(lanes: 2, refuted: 2_250, confirmed: 2_500)),
            Loop(network: "unet", batch: 32, stages: 1, jps: [2_071, 2_505, 2_950, 3_040]),
            Loop(network: "unet", batch: 64, stages: 14, jps: [1_704, 2_082, 2_511, 2_630]),
            Loop(network: "unet", batch: 32, stages: 14, jps: [1_658, 2_062, 2_476, 2_582]),
            Loop(network: "inception_v3", batch: 64, stages: 1, jps: [7_234, 8_078, 8_461, 8_479]),
            Loop(network: "inception_v3", batch: 32, stages: 1, jps: [6_083, 7_165, 7_907, 8_176]),
            Loop(network: "inception_v3", batch: 64, stages: 13, jps: [6_491, 7_487, 8_147, 8_175]),
            Loop(network: "inception_v3", batch: 32, stages: 13, jps: [5_428, 6_611, 7_751, 7_893]),
            Loop(network: "resnet18", batch: 128, stages: 1, jps: [16_243, 16_250, 16_921, 17_013]),
            Loop(network: "resnet18", batch: 128, stages: 4, jps: [15_308, 15_834, 16_400, 16_771]),
        ],
        largeBatches: [
            TaskSetRatio(taskSet: "resnet18", range: 0.99...1.06),
            TaskSetRatio(taskSet: "unet", range: 1.29...1.44),
            TaskSetRatio(taskSet: "inception_v3", range: 0.83...1.03),
            TaskSetRatio(taskSet: "mixed", range: 0.97...1.08),
        ],
        asBefore: [
            Bound(subject: .earlyBatches, range: 1...2),
            Bound(subject: .ratio, range: 0.455...0.556),
        ])
}

extension CardPredictions {
    /// The built-in model of a card that was measured; `nil` for others, of which a prediction would say little.
    static func model(of card: String) -> GPUModel? {
        for name in GPUCatalogue.names {
            if let gpu = try? GPUCatalogue.device(name), gpu.isMeasured, card.contains(gpu.title) { return gpu }
        }
        return nil
    }
}
