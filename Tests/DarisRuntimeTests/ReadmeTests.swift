import DarisConfiguration
import DarisRuntime
import Testing

// What the README shows under "As a library", to the letter; it is compiled, and the test below compares the two.

// begin
func classify(image: [Float]) async throws -> [UInt8] {
    let taskSet = try TaskSet.parse(
        """
        partition: {contexts: 2}
        models: {resnet18: {builtin: resnet18, stages: 4}}
        tasks: [{name: camera, model: resnet18, rate: 10 Hz, priority: high, arrival: sporadic}]
        """, file: "camera")
    let prepared = try Preparation.prepare(taskSet, options: .init())
    let executor = prepared.executor()
    executor.start()
    defer { executor.interrupt() }

    let pixels = image.withUnsafeBytes { Array($0) }  // 1 × 3 × 224 × 224 floats
    let outputs = try await executor.submit(task: 0, inputs: [pixels], relativeDeadline: .milliseconds(80))
    return outputs[0]  // 1 × 1000 floats
}
// end
