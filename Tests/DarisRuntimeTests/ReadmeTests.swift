import DarisConfiguration
import DarisRuntime
import Foundation
import Testing

// What the README shows under "As a library": compiled here, and compared with it by the test below.

// begin
/// A network that answers within 80 ms, or says why not.
final class Classifier: Sendable {
    private let executor: Executor<MachineDevice>

    init() throws {
        let taskSet = try TaskSet.parse(
            """
            models: {resnet18: {builtin: resnet18, stages: 4}}
            tasks: [{name: camera, model: resnet18, rate: 10 Hz, priority: high, arrival: sporadic}]
            """, file: "camera")
        executor = try Preparation.prepare(taskSet, options: .init()).executor(duration: .distantFuture)
        executor.start()
    }

    /// 1 × 3 × 224 × 224 floats in, 1 × 1000 floats out, both as bytes.
    func classify(_ image: [UInt8]) async throws -> [UInt8] {
        try await executor.submit(task: 0, inputs: [image], relativeDeadline: .milliseconds(80))[0]
    }

    func stop() {
        executor.interrupt()
        print(executor.waitForEnd().summary.hp.responseMs.p99, "ms at the 99th percentile")
    }
}
// end

@Test("the README shows the library as it compiles")
func readmeShowsWhatCompiles() throws {
    let own = try String(contentsOfFile: #filePath, encoding: .utf8)
    let lines = own.split(separator: "\n", omittingEmptySubsequences: false)
    let begin = try #require(lines.firstIndex(of: "// begin"))
    let end = try #require(lines.firstIndex(of: "// end"))
    let snippet = lines[(begin + 1)..<end].joined(separator: "\n")
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    #expect(readme.contains("```swift\n" + snippet + "\n```"))
}
