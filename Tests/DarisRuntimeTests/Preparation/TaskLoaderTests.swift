import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import Testing

@testable import DarisRuntime

@Suite("Models that come and go", .timeLimit(.minutes(15)))
struct TaskLoaderTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func task(_ name: String, _ priority: Priority = .low, period: Int64 = 1_000, instances: Int = 1)
        -> TaskDeclaration
    {
        TaskDeclaration(
            name: name, model: name, period: .milliseconds(period), priority: priority, instances: instances,
            arrival: .sporadic())
    }

    /// A running system with one task and spare places.
    private func system(
        spare: SparePlaces, express: Int = 0, isolation: Isolation = .none
    ) async throws -> (Preparation, Executor<MachineDevice>) {
        let set = TaskSet(
            source: "test", partition: Partition(contexts: 1, streams: 1, oversubscription: 1, express: express),
            isolation: isolation, models: [try workshop.declare(SmallModels.chain, name: "first")],
            tasks: [task("first", .high)])
        var options = Preparation.Options()
        options.cache = CacheFolder(path: workshop.cachePath)
        options.runsUntilInterrupted = true
        options.spare = spare
        let chosen = options
        let prepared = try await onThread { try Preparation.prepare(set, options: chosen) }
        let executor = prepared.executor()
        executor.start()
        return (prepared, executor)
    }

    private func end(_ prepared: Preparation, _ executor: Executor<MachineDevice>) -> RunSummary {
        executor.interrupt()
        let outcome = executor.waitForEnd()
        prepared.device.shutDown()
        return outcome.summary
    }

    private func bytes(_ values: [Float]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

    private func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    private func load(_ prepared: Preparation, _ model: ModelDeclaration, _ task: TaskDeclaration) async throws
        -> LoadedTask
    {
        try await onThread { try TaskLoader(prepared).load(model, for: task) }
    }

    @Test(
        "a model that comes while others run is measured, answers, goes, and leaves its place to the next",
        arguments: [0, 1])
    func comesAndGoes(express: Int) async throws {
        let (prepared, executor) = try await system(spare: SparePlaces(tasks: 1, instancesOfEach: 2), express: express)
        #expect(prepared.plan.tasks.map(\.name) == ["first", ""] && prepared.plan.tasks[1].isSpare)
        let chain = try workshop.declare(SmallModels.chain, name: "chain", stages: .fixed(3))
        let loaded = try await load(prepared, chain, task("chain", period: 100_000, instances: 2))
        #expect(loaded.specification.afet.count == 3 && loaded.specification.afet.allSatisfy { $0 > .zero })
        #expect(loaded.signature.inputs.map(\.shape) == [[1, 3]])
        let index = try executor.add(loaded)
        #expect(index == 1)
        for _ in 0..<20 {
            let outputs = try await executor.submit(task: 1, inputs: [bytes([-1, 0.5, 2])])
            #expect(floats(outputs[0]) == [-1, 0, 3])
        }
        // There is no other place until this one is free.
        let gather = try workshop.declare(SmallModels.twoOutputs, name: "two")
        let other = try await load(prepared, gather, task("two", period: 100_000))
        #expect(throws: TaskAdditionError.noPlace(instances: 1, stages: 1)) { try executor.add(other) }
        executor.remove(1)
        await #expect(throws: SubmissionError.self) { try await executor.submit(task: 1, inputs: [bytes([1, 1, 1])]) }
        #expect(!executor.hasJobs(1))
        executor.clear(1)
        #expect(prepared.device.tensorSizes(of: 1).inputs.isEmpty, "its tensors are gone")
        #expect(try executor.add(other) == 1)
        let outputs = try await executor.submit(task: 1, inputs: [bytes([1, 2, 3]), bytes([4, 5, 6])])
        #expect(floats(outputs[1]) == [5, 7, 9])
        let view = executor.view()
        #expect(view.tasks[1].stages.count == 1)
        let summary = end(prepared, executor)
        #expect(summary.tasks.map(\.name) == ["first", "two"])
        #expect(summary.lp.completed == 21 && summary.lp.removed == 1 && summary.jobs.isBalanced)
        #expect(summary.tasks[1].figures.completed == 1)
    }

    @Test("a spare place that nothing took is not in the figures")
    func unused() async throws {
        let (prepared, executor) = try await system(spare: SparePlaces(tasks: 3, instancesOfEach: 4))
        _ = try await executor.submit(task: 0, inputs: [bytes([1, 1, 1])])
        #expect(end(prepared, executor).tasks.map(\.name) == ["first"])
    }

    @Test("high priority is taken in only where it fits beside what is set aside, or in place of what it replaces")
    func highPriority() async throws {
        let (prepared, executor) = try await system(spare: SparePlaces(tasks: 2))
        let chain = try workshop.declare(SmallModels.chain, name: "chain")
        let loaded = try await load(prepared, chain, task("chain", .high))
        func stretched(_ name: String, milliseconds: Int64) -> LoadedTask {
            var specification = loaded.specification
            specification.name = name
            specification.afet = [.milliseconds(milliseconds)]
            return LoadedTask(specification: specification, model: name, instances: loaded.instances, notes: [])
        }
        let large = try executor.add(stretched("large", milliseconds: 700))
        #expect(throws: TaskAdditionError.highPriorityDoesNotFit(context: 0)) {
            try executor.add(stretched("more", milliseconds: 700))
        }
        let next = try executor.add(stretched("large", milliseconds: 800), insteadOf: large)
        executor.remove(large)
        executor.clear(large)
        #expect(next != large && executor.name(of: next) == "large")
        #expect(throws: TaskAdditionError.highPriorityDoesNotFit(context: 0)) {
            try executor.add(stretched("more", milliseconds: 700))
        }
        _ = end(prepared, executor)
        #expect(throws: TaskAdditionError.stopped) { try executor.add(stretched("late", milliseconds: 1)) }
    }

    @Test("a model that cannot be loaded says why, and what runs goes on")
    func refused() async throws {
        let (prepared, executor) = try await system(spare: SparePlaces(tasks: 1))
        let bad = try workshop.declare(SmallModels.unknownLength, name: "bad")
        await #expect(throws: PreparationError.self) { try await load(prepared, bad, task("bad")) }
        let missing = ModelDeclaration(name: "missing", source: .file(workshop.folder.path + "/missing.onnx"))
        await #expect(throws: PreparationError.self) { try await load(prepared, missing, task("missing")) }
        _ = try await executor.submit(task: 0, inputs: [bytes([1, 1, 1])])
        #expect(end(prepared, executor).hp.completed == 1)
    }

    @Test("a record of a run with models that came is replayed, whatever took which place")
    func record() async throws {
        let path = workshop.folder.path + "/run.jsonl"
        let set = TaskSet(
            source: "test", partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
            models: [try workshop.declare(SmallModels.chain, name: "first")], tasks: [task("first", .high)])
        var options = Preparation.Options()
        options.cache = CacheFolder(path: workshop.cachePath)
        options.runsUntilInterrupted = true
        options.spare = SparePlaces(tasks: 1)
        let chosen = options
        let prepared = try await onThread { try Preparation.prepare(set, options: chosen) }
        let recorder = try RecordWriter(path: path, plan: prepared.plan, configuration: prepared.configuration)
        var executorOptions = Executor<MachineDevice>.Options()
        executorOptions.observer = { recorder.observe($0, $1, $2) }
        executorOptions.taskObserver = { recorder.observe($0, $1, $2) }
        let executor = prepared.executor(options: executorOptions)
        executor.start()
        for name in ["chain", "again"] {
            let model = try workshop.declare(SmallModels.chain, name: name)
            let index = try executor.add(try await load(prepared, model, task(name)))
            _ = try await executor.submit(task: index, inputs: [bytes([1, 1, 1])])
            executor.remove(index)
            executor.clear(index)
        }
        executor.interrupt()
        let outcome = executor.waitForEnd()
        prepared.device.shutDown()
        try recorder.close(at: .seconds(outcome.summary.elapsedS))
        let record = try RunRecord.read(path: path)
        #expect(record.replay() == nil)
        #expect(record.entries.count { if case .task = $0.content { true } else { false } } == 2)
    }
}
