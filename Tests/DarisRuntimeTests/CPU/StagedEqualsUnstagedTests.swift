import DarisConfiguration
import DarisCore
import DarisONNX
import ONNXRuntime
import Testing

@testable import DarisRuntime

@Suite("Staged equals unstaged", .serialized, .timeLimit(.minutes(15)))
struct StagedEqualsUnstagedTests {
    @Test(
        "a reference network cut into stages computes what it computes whole, at batch 1 and 2",
        arguments: [
            (ReferenceNetwork.resnet18, [1, 3, 8]), (.resnet50, [2, 6]), (.unet, [2, 5]), (.inceptionV3, [2, 7]),
        ])
    func referenceNetworks(network: ReferenceNetwork, stageCounts: [Int]) async throws {
        let workshop = try Workshop()
        let store = workshop.store()
        let declaration = ModelDeclaration(name: network.rawValue, source: .builtin(network.rawValue))
        let models = try await onThread {
            try stageCounts.map { try store.staged(declaration, goal: .count($0)) { _ in } }
        }
        #expect(models.map(\.stages.count) == stageCounts)
        let batches = [1, 2]
        let tasks = batches.flatMap { batch in models.indices.map { DeviceTask(model: $0, batch: batch) } }
        let bench = try await onThread { try CPUBench(workshop, models, tasks: tasks) }
        let whole = try await onThread { try store.source(declaration) { _ in }.model }

        let outcome = try await bench.run { executor in
            for (index, task) in tasks.enumerated() {
                let shape = [task.batch] + network.inputShape
                let input = randomFloats(shape.reduce(1, *), seed: UInt64(task.batch))
                let outputs = try await executor.submit(task: index, inputs: [bytes(input)])
                let expected = try await onThread { try workshop.unstaged(whole, ["input": (input, shape)]) }
                #expect(outputs.count == 1 && expected.count == 1)
                #expect(expected[0].contains { $0 != 0 } && expected[0].allSatisfy(\.isFinite))
                let difference = relativeDifference(floats(outputs[0]), expected[0])
                #expect(difference <= 1e-5, "\(stageCounts[task.model]) stages, batch \(task.batch)")
            }
        }
        #expect(outcome.summary.jobs.completed == tasks.count)
        #expect(outcome.summary.stages == batches.count * stageCounts.reduce(0, +))
    }

    @Test("two contexts that share all cores, with sessions of several threads, compute the same")
    func oversubscribed() async throws {
        let workshop = try Workshop()
        let model = try await onThread { try workshop.cut(SmallModels.wide, stages: 3) }
        // Two entries even on a machine with one core, so that each session has a thread pool.
        let allowed = SystemRights.allowedProcessors()
        let processors = Array((allowed + allowed).prefix(2))
        let bench = try await onThread {
            try CPUBench(
                workshop, [model], tasks: [.init(model: 0, batch: 2), .init(model: 0, batch: 2)],
                partition: Partition(contexts: 2, streams: 1, oversubscription: 2), processors: processors)
        }
        #expect(bench.device.coreSets.map(\.count) == [2, 2])
        let input = randomFloats(2 * 256 * 256, seed: 5).map { $0 - 0.5 }
        let expected = try workshop.unstaged(SmallModels.wide, ["x": (input, [2, 256, 256])])[0]
        let outcome = try await bench.run { executor in
            try await withThrowingTaskGroup(of: [[UInt8]].self) { group in
                for number in 0..<20 {
                    group.addTask { try await executor.submit(task: number % 2, inputs: [bytes(input)]) }
                }
                for try await outputs in group {
                    #expect(relativeDifference(floats(outputs[0]), expected) <= 1e-5)
                }
            }
        }
        #expect(outcome.summary.jobs.completed == 20)
        #expect(Set(bench.executor.configuration.homes) == [0, 1])
    }
}
