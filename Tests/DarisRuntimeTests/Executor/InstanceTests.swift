import DarisConfiguration
import DarisCore
import Testing

@testable import DarisRuntime

@Suite("Instances of a task on a device", .timeLimit(.minutes(15)))
struct InstanceTests {
    @Test(
        "jobs of one task that run at the same time have tensors of their own, in one process and in workers",
        arguments: [Isolation.none, .process])
    func tensors(isolation: Isolation) async throws {
        let workshop = try Workshop()
        let declaration = try workshop.declare(SmallModels.wide, name: "wide", stages: .fixed(3))
        func task(_ name: String, instances: Int) -> TaskDeclaration {
            TaskDeclaration(
                name: name, model: "wide", period: .seconds(Int64(100)), priority: .high, batch: 2,
                instances: instances, overrun: .queue(limit: 100), arrival: .sporadic())
        }
        // The instances of the second and third task are not where their numbers are.
        var set = TaskSet(
            source: "test", partition: Partition(contexts: 2, streams: 2, oversubscription: 1), models: [declaration],
            tasks: [task("first", instances: 2), task("net", instances: 3), task("last", instances: 1)])
        set.isolation = isolation
        var options = Preparation.Options()
        options.cache = CacheFolder(path: workshop.cachePath)
        options.runsUntilInterrupted = true
        options.workerExecutable = WorkerBench.program
        let (chosen, taskSet) = (options, set)
        let prepared = try await onThread { try Preparation.prepare(taskSet, options: chosen) }
        #expect(prepared.plan.tasks.map(\.name) == ["first", "net", "last"])
        #expect(prepared.plan.tasks.map(\.instances) == [2, 3, nil])
        #expect(prepared.signatures.count == 3 && prepared.configuration.homes.count == 6)

        let inputs = (0..<6).map { randomFloats(2 * 256 * 256, seed: UInt64($0)).map { $0 - 0.5 } }
        let expected = try inputs.map { try workshop.unstaged(SmallModels.wide, ["x": ($0, [2, 256, 256])])[0] }
        let outcome = try await prepared.executor().run { executor in
            try await withThrowingTaskGroup(of: (Int, [[UInt8]]).self) { group in
                for number in 0..<36 {
                    group.addTask {
                        (number, try await executor.submit(task: number % 3, inputs: [bytes(inputs[number % 6])]))
                    }
                }
                for try await (number, outputs) in group {
                    #expect(relativeDifference(floats(outputs[0]), expected[number % 6]) <= 1e-5, "job \(number)")
                }
            }
        }
        #expect(outcome.summary.jobs.completed == 36)
        #expect(outcome.summary.tasks.map(\.figures.completed) == [12, 12, 12])
    }
}
