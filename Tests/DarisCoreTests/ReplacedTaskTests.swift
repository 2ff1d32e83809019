import DarisSimulator
import Foundation
import Testing

@testable import DarisCore

@Suite("Tasks that take the places of others")
struct ReplacedTaskTests {
    /// A scheduler with one task and a spare place.
    private func bench(contexts: Int = 1, instances: Int = 2, stages: Int = 4) throws -> Bench {
        var bench = try Bench(
            contexts: contexts, [task("a", .high, afet: [10]), .spare(instances: instances, stages: stages)])
        bench.send(.taskRemoved(1), at: 0)
        return bench
    }

    @Test("a spare place changes nothing for the others")
    func spare() throws {
        let alone = try SchedulerConfiguration(
            partition: Partition(contexts: 2, streams: 1, oversubscription: 1),
            tasks: [task("a", .high, afet: [10]), task("b", .low, afet: [30]), task("c", .low, afet: [20])])
        var beside = alone
        beside = try SchedulerConfiguration(
            partition: alone.partition, tasks: alone.tasks + [.spare(instances: 4, stages: 32)])
        #expect(Array(beside.homes.prefix(3)) == alone.homes)
    }

    @Test("a task in a spare place is admitted and measured like one of the start, and by its own AFET")
    func taken() throws {
        var bench = try bench()
        #expect(bench.release(1, at: 1).reasons == [.taskRemoved])
        bench.scheduler.replace(1, with: task("b", .low, afet: [20, 30]))
        bench.ledger.observe(task("b", .low, afet: [20, 30]), replacing: 1)
        #expect(bench.release(1, at: 2).reasons == [.taskRemoved], "it is out until it is added")
        bench.send(.taskAdded(1), at: 3)
        #expect(bench.scheduler.mret(of: 1) == milliseconds(50))
        #expect(bench.scheduler.utilisation(of: 1) == Utilisation(500_000_000))
        let admitted = bench.release(1, at: 4)
        #expect(admitted.started == [1] && admitted.dispatches.first?.jobs[0].sequence == 2, "numbers of jobs go on")
        #expect(bench.complete(took: 20, at: 24).started == [1])
        #expect(bench.complete(took: 40, at: 64).fates == [.completed])
        #expect(bench.scheduler.mret(of: 1) == milliseconds(60))
        #expect(bench.ledger.tasks[1].figures.counts.completed == 1)
        #expect(bench.ledger.tasks[1].figures.counts.rejected == 1, "what was counted of the former task is gone")
    }

    @Test("a task gets no more instances and stages than its place has, and may have fewer")
    func room() throws {
        var bench = try bench()
        var wide = task("b", .low, afet: [1])
        wide.instances = 3
        let tooWide = bench.scheduler.obstacle(toReplacing: 1, with: wide)
        #expect(tooWide == "3 instances of 1 stages do not fit the place of task 1, which has room for 2 of 4")
        let tooLong = bench.scheduler.obstacle(toReplacing: 1, with: task("b", .low, afet: [1, 1, 1, 1, 1]))
        #expect(tooLong != nil)
        bench.scheduler.replace(1, with: task("b", .low, afet: [10]))
        bench.send(.taskAdded(1), at: 1)
        #expect(bench.scheduler.instances(of: 1) == 1)
        #expect(bench.release(1, at: 2).started == [1])
        #expect(bench.release(1, at: 3).reasons == [.previousJobInFlight], "it has one instance, not two")
        bench.complete(at: 12)
        bench.send(.taskRemoved(1), at: 13)
        let again = bench.scheduler.obstacle(toReplacing: 1, with: .spare(instances: 2, stages: 4))
        #expect(again == nil, "the place keeps its room")
    }

    @Test("a task that is in, or has a job in flight, keeps its place")
    func taskInUse() throws {
        var bench = try bench()
        let other = task("b", .low, afet: [10])
        let isIn = bench.scheduler.obstacle(toReplacing: 0, with: other)
        #expect(isIn == "task 0 has not been removed")
        bench.release(0, at: 1)
        bench.send(.taskRemoved(0), at: 2)
        let runs = bench.scheduler.obstacle(toReplacing: 0, with: other)
        #expect(runs == "task 0 still has jobs in flight")
        bench.complete(at: 11)
        let obstacles = [0, 2, -1].map { bench.scheduler.obstacle(toReplacing: $0, with: other) }
        #expect(obstacles == [nil, "there is no task 2", "there is no task -1"])
    }

    @Test("HP in the place of LP is set aside for, and no longer once it is removed")
    func priority() throws {
        var bench = try bench(contexts: 2)
        bench.scheduler.replace(1, with: task("b", .high, afet: [40]))
        bench.send(.taskAdded(1), at: 1)
        #expect(bench.scheduler.home(of: 1) == 1, "task a is on context 0")
        #expect(bench.scheduler.context(1).highPriority == Utilisation(400_000_000))
        bench.send(.taskRemoved(1), at: 2)
        bench.scheduler.replace(1, with: task("c", .low, afet: [40]))
        bench.send(.taskAdded(1), at: 3)
        #expect(bench.scheduler.context(1).highPriority == .zero)
    }

    @Test("a record says what took a place, and is replayed with it")
    func record() throws {
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 2, streams: 1, oversubscription: 1),
            tasks: [task("a", .high, afet: [10]), .spare(instances: 2, stages: 4)])
        var driver = VirtualTimeDriver(configuration, duration: milliseconds(900), keepsEntries: true)
        driver.arrivals[1] = nil
        driver.otherEvents = [
            (.zero, .taskRemoved(1)), (milliseconds(50), .taskAdded(1)), (milliseconds(60), .jobReleased(task: 1)),
            (milliseconds(200), .taskRemoved(1)), (milliseconds(250), .taskAdded(1)),
            (milliseconds(260), .jobReleased(task: 1)),
        ]
        var queued = task("quote \" \\ {", .low, overrun: .queue(limit: 3), afet: [5, 5, 5])
        queued.instances = 2
        driver.replacements = [1: [task("b", .high, afet: [20]), queued]]
        let result = driver.run()
        #expect(result.violation == nil)
        let plan = RunPlan(
            configuration, models: ["m", ""], device: "d", unitName: "cores", units: 2, kind: .cores,
            contextUnits: [[0], [1]], simulated: true, load: nil, duration: milliseconds(900), seed: 1, notes: [])
        let record = RunRecord(plan: plan, configuration: configuration, entries: result.entries, end: result.end)
        let text = record.encoded()
        let read = try RunRecord.read(bytes: text)
        #expect(read == record && read.encoded() == text && read.replay() == nil)
        #expect(read.entries.count { if case .task = $0.content { true } else { false } } == 2)
        let described = try RunRecordReader(Data(text), file: "r").describedConfiguration()
        #expect(described.tasks.map(\.name) == ["a", "b, then quote \" \\ {"] && described.tasks[1].afet.count == 4)
        var broken = record
        broken.entries.removeAll { $0.content == .event(.taskRemoved(1)) }
        #expect(broken.replay() != nil, "a task that is in is not replaced")
        let beyond = String(decoding: text, as: UTF8.self).replacing(
            "\"n\":\"task\",\"task\":1", with: "\"n\":\"task\",\"task\":9")
        #expect(throws: RecordError.self) { try RunRecord.read(bytes: Array(beyond.utf8)) }
    }

    @Test("whole systems in which tasks take the places of others keep all that must hold")
    func fuzz() {
        var replaced = 0
        for seed in stride(from: UInt64(1), to: 400, by: 4) {
            let scenario = FuzzScenario(seed: seed)
            replaced += scenario.faults.count { if case .replacedTask = $0 { true } else { false } }
            #expect(Fuzzer.run(seed: seed)?.description == nil)
        }
        #expect(replaced > 100)
    }
}
