import DarisSimulator
import Foundation
import Testing

@testable import DarisCore

@Suite("Express lanes")
struct ExpressLaneTests {
    @Test("an HP stage runs on an express lane while LP holds the ordinary one, and on the ordinary one if it is free")
    func use() throws {
        var bench = try Bench(express: 1, [task(.high), task(.low, afet: [50])])
        #expect(bench.release(1, at: 0).lanes == [0])
        #expect(bench.release(0, at: 5).lanes == [1], "it does not wait for the LP stage")
        bench.complete(lane: 1, at: 15)
        bench.complete(lane: 0, took: 60, at: 60)
        #expect(bench.release(0, at: 100).lanes == [0])
    }

    @Test("express: 0 is the paper: HP waits for the stage that runs")
    func paper() throws {
        var bench = try Bench([task(.high), task(.low, afet: [50])])
        bench.release(1, at: 0)
        #expect(bench.release(0, at: 5).started.isEmpty)
        #expect(bench.complete(took: 50, at: 50).started == [0])
    }

    @Test("at most N_s HP stages of a context run at once; LP may start below them on a free ordinary lane")
    func atMost() throws {
        var bench = try Bench(
            express: 1, [task("a", .high), task("b", .high), task("c", .low, afet: [50]), task("d", .low, afet: [20])])
        bench.release(2, at: 0)
        #expect(bench.release(0, at: 1).lanes == [1])
        bench.release(3, at: 2)
        #expect(bench.complete(lane: 0, took: 50, at: 60).started == [3], "LP takes the free lane below HP")
        #expect(bench.release(1, at: 61).started.isEmpty, "the other HP stage does not run beside the first")
        #expect(bench.complete(lane: 1, at: 62).started == [1])
        #expect(bench.scheduler.dispatch(on: 1)?.jobs[0].task == 1)
    }

    @Test("with a free ordinary lane and N_s HP stages, a waiting HP stage is not passed over")
    func notPassedOver() throws {
        var bench = try Bench(
            streams: 2, express: 2,
            [task("a", .high), task("b", .high), task("c", .high), task("d", .low, afet: [9, 9])])
        bench.release(3, at: 0)
        for index in 0..<3 { bench.release(index, at: 1) }
        // d on 0, a on 1, b on the express lane over d; c waits, though another express lane is free.
        #expect(bench.scheduler.readyStages(on: 0) == 1)
        #expect(bench.complete(lane: 1, at: 11).lanes == [1], "the free ordinary lane is c's")
    }

    @Test("an LP stage that was preempted for half of its time teaches its own time")
    func times() throws {
        var bench = try Bench(express: 1, [task(.high, afet: [25]), task(.low, afet: [50])])
        bench.release(1, at: 0)
        bench.release(0, at: 10)
        bench.complete(lane: 1, took: 25, at: 35)
        bench.release(0, at: 40)
        bench.complete(lane: 1, took: 25, at: 65)
        bench.complete(lane: 0, took: 100, at: 100)
        #expect(bench.scheduler.mret(of: 1) == milliseconds(50))
        #expect(bench.scheduler.mret(of: 0) == milliseconds(25), "HP is charged in full")
    }

    @Test("an LP stage that had to wait for the core before it began is not charged twice")
    func lateStart() throws {
        var bench = try Bench(
            express: 1, [task(.high, afet: [30]), task("a", .low, afet: [10]), task("b", .low, afet: [20])])
        bench.release(1, at: 0)
        bench.release(2, at: 1)
        bench.release(0, at: 2)
        bench.complete(lane: 0, took: 10, at: 10)
        // b is dispatched at 10, begins at 32, when HP has ended, and takes 20 from there.
        bench.complete(lane: 1, took: 30, at: 32)
        bench.complete(lane: 0, took: 20, at: 52)
        #expect(bench.scheduler.mret(of: 2) == milliseconds(20))
    }

    @Test(
        "what express stages take is shared by the LP stages under them, so a context's charges never exceed its lanes")
    func shared() throws {
        var bench = try Bench(
            streams: 2, express: 2, [task(.high, afet: [20]), task("a", .low, afet: [40]), task("b", .low, afet: [40])])
        bench.release(1, at: 0)
        bench.release(2, at: 0)
        #expect(bench.release(0, at: 10).lanes == [3])
        bench.complete(lane: 3, took: 20, at: 30)
        bench.complete(lane: 0, took: 50, at: 50)
        bench.complete(lane: 1, took: 50, at: 50)
        // 50 ms of two lanes: 20 of HP, 40 of each LP stage.
        #expect(bench.scheduler.mret(of: 1) == milliseconds(40))
        #expect(bench.scheduler.mret(of: 2) == milliseconds(40))
    }

    @Test("LP that runs beside an express stage on a lane that is really there is charged in full")
    func notOver() throws {
        var bench = try Bench(
            streams: 2, express: 2, [task(.high, afet: [40]), task("a", .low, afet: [20]), task("b", .low, afet: [60])])
        bench.release(1, at: 0)
        bench.release(2, at: 0)
        #expect(bench.release(0, at: 10).lanes == [3])
        // From 20 on two stages run on two lanes.
        bench.complete(lane: 0, took: 20, at: 20)
        bench.complete(lane: 3, took: 40, at: 50)
        bench.complete(lane: 1, took: 65, at: 65)
        // Of 10 to 20 each LP stage was charged half.
        #expect(bench.scheduler.mret(of: 1) == milliseconds(15))
        #expect(bench.scheduler.mret(of: 2) == milliseconds(60))
    }

    @Test("HP and LP that could run together do not on an express lane")
    func batches() throws {
        var tasks = [task("a", .high), task("b", .high), task("c", .low), task("d", .low, afet: [50])]
        for index in 0..<3 { tasks[index].batchGroup = 0 }
        var options = SchedulerOptions()
        options.batching = 4
        options.batchingRules = []
        let sizes = [2, 3].map { BatchGroup.Size(jobs: $0, afet: [milliseconds(12)]) }
        var bench = Bench(
            try SchedulerConfiguration(
                partition: Partition(contexts: 1, streams: 1, oversubscription: 1, express: 1), tasks: tasks,
                options: options, batchGroups: [BatchGroup(sizes: sizes)]))
        bench.release(3, at: 0)
        bench.release(0, at: 1)
        bench.release(1, at: 2)
        bench.release(2, at: 3)
        let next = bench.complete(lane: 1, at: 11)
        #expect(next.started == [1] && next.joined.isEmpty, "c, which is LP, waits for the ordinary lane")
        #expect(next.lanes == [1])
    }

    @Test("a lost context forgets what runs on its express lanes")
    func lost() throws {
        var bench = try Bench(contexts: 2, express: 1, [task(.high), task(.low, afet: [50])], homes: [0, 0])
        bench.release(1, at: 0)
        #expect(bench.release(0, at: 5).lanes == [1])
        #expect(bench.send(.contextLost(0), at: 6).fates == [.failed, .failed])
        bench.send(.contextRestored(0), at: 7)
        #expect(bench.release(1, at: 100).lanes == [0])
        #expect(bench.release(0, at: 101).lanes == [1])
    }

    @Test("express lanes beyond the streams, or without priorities, are refused by name")
    func refused() {
        func error(_ express: Int, _ change: (inout SchedulerOptions) -> Void = { _ in }) -> SchedulerError? {
            var options = SchedulerOptions()
            change(&options)
            do throws(SchedulerError) {
                _ = try SchedulerConfiguration(
                    partition: Partition(contexts: 1, streams: 2, oversubscription: 1, express: express),
                    tasks: [task(.high)], options: options)
                return nil
            } catch { return error }
        }
        #expect(error(2) == nil)
        #expect(error(3) == .express(3, streams: 2))
        #expect(error(-1) == .express(-1, streams: 2))
        #expect(error(1) { $0.policy = .fifo } == .expressWithoutPriorities)
        #expect(error(1) { $0.fixedPriority = false } == .expressWithoutPriorities)
        #expect(error(0) { $0.policy = .edf } == nil)
    }

    @Test("a partition without express lanes is written as it always was, and a missing key means none")
    func encoding() throws {
        var partition = Partition(contexts: 2, streams: 1, oversubscription: 1.5)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(partition), as: UTF8.self)
        #expect(text == #"{"contexts":2,"oversubscription":1.5,"streams":1}"#)
        #expect(try JSONDecoder().decode(Partition.self, from: Data(text.utf8)) == partition)
        partition.express = 1
        #expect(try JSONDecoder().decode(Partition.self, from: try encoder.encode(partition)) == partition)
    }

    @Test("in virtual time HP responds beside a full LP load as it does alone, and LP makes as many inferences")
    func virtualTime() throws {
        func run(express: Int, low: Bool) throws -> RunSummary {
            var tasks = [task("high", period: 30, .high, afet: [1])]
            if low { tasks += [task("low", period: 100, deadline: 1_000, .low, overrun: .queue(limit: 4), afet: [90])] }
            let configuration = try SchedulerConfiguration(
                partition: Partition(contexts: 1, streams: 1, oversubscription: 1, express: express), tasks: tasks)
            var driver = VirtualTimeDriver(configuration, duration: .seconds(Int64(6)))
            driver.arrivals = tasks.map { ArrivalSequence(.periodic, period: $0.period, phase: .zero, seed: 1) }
            driver.checkInterval = 1
            let result = driver.run(on: FixedTimes(.constant, configuration))
            #expect(result.violation == nil)
            return result.summary
        }
        let alone = try run(express: 0, low: false)
        let (paper, express) = (try run(express: 0, low: true), try run(express: 1, low: true))
        #expect(express.hp.responseMs.max == alone.hp.responseMs.max)
        #expect(paper.hp.responseMs.max > 10 * alone.hp.responseMs.max)
        #expect(express.lp.completed == paper.lp.completed && express.lp.acceptance == 1)
    }
}
