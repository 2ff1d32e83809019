import Daris

/// A network that answers within 80 ms, or says why not.
final class Classifier: Sendable {
    private let system: InferenceSystem

    init() async throws {
        system = try await InferenceSystem(
            yaml: """
                models: {resnet18: {builtin: resnet18, stages: 4}}
                tasks: [{name: camera, model: resnet18, rate: 10 Hz, priority: high, arrival: sporadic, late: drop}]
                """)
        try system.start()
    }

    /// 3 × 224 × 224 pixels in, 1000 scores out.
    func classify(_ image: [Float]) async throws -> [Float] {
        let scores = try await system.infer(
            "camera", [Tensor(image, shape: [1, 3, 224, 224])], deadline: .milliseconds(80))
        return try scores[0].values(as: Float.self)
    }

    func stop() async {
        let summary = await system.stop()
        print("99 % of the answers came within \(summary.high.response.p99)")
    }
}
