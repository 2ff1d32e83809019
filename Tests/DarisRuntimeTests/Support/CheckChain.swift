import Testing

@testable import DarisRuntime

/// Submits jobs of `SmallModels.chain`, `y = (relu(x) + 1) · 2 − 3`, and checks what comes back.
func checkChain<D: Device>(_ executor: Executor<D>, task: Int = 0, count: Int = 6) async throws {
    for index in 0..<count {
        let x = [Float(index), -2, 0.5]
        let outputs = try await executor.submit(task: task, inputs: [bytes(x)])
        #expect(floats(outputs[0]) == x.map { (max(0, $0) + 1) * 2 - 3 })
    }
}
