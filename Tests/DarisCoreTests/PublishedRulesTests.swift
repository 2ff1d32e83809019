import DarisSimulator
import Testing

@testable import DarisCore

@Suite("Rules of the published implementation")
struct PublishedRulesTests {
    private func task(_ name: String, _ priority: Priority, ms: Double, every period: Double = 100) -> TaskSpecification
    {
        TaskSpecification(
            name: name, period: .milliseconds(Int64(period)), priority: priority,
            afet: [Nanoseconds(Int64(ms * 1e6))])
    }

    private func scheduler(
        contexts: Int, streams: Int, _ tasks: [TaskSpecification], homes: [Int]? = nil,
        _ change: (inout PublishedRules) -> Void
    ) throws -> Scheduler {
        var options = SchedulerOptions()
        var rules = PublishedRules()
        change(&rules)
        options.rules = rules
        var configuration = try SchedulerConfiguration(
            partition: Partition(contexts: contexts, streams: streams, oversubscription: 1), tasks: tasks,
            options: options)
        if let homes { configuration.homes = homes }
        return Scheduler(configuration)
    }

    @Test("of two streams a job may use what is left of one after half of the others' utilisation")
    func sharedAdmission() throws {
        // (0.8 + 0) / 2 + 0.7 is above 1, 0.8 + 0.7 is below 2.
        let tasks = [task("h", .high, ms: 80), task("l", .low, ms: 70)]
        for (shared, isAdmitted) in [(false, true), (true, false)] {
            var scheduler = try scheduler(contexts: 1, streams: 2, tasks) { $0.sharedAdmission = shared }
            var commands = CommandBuffer()
            scheduler.handle(.jobReleased(task: 1), at: .zero, into: &commands)
            #expect(scheduler.counts.rejected == (isAdmitted ? 0 : 1))
            let room = scheduler.context(0).headroom(of: .lanes(2))
            #expect(room == Utilisation(shared ? 600_000_000 : (isAdmitted ? 500_000_000 : 0)))
        }
    }

    @Test("a task that migrates stays where it went, and goes only where that evens the load")
    func movesHomes() throws {
        let tasks = [
            task("a", .low, ms: 60), task("b", .low, ms: 60), task("c", .low, ms: 5), task("d", .low, ms: 50),
        ]
        // b finds a's job on context 0. Its home weighs 1.2 there, context 1 weighs 0.05: the task moves for good.
        var commands = CommandBuffer()
        var moving = try scheduler(contexts: 2, streams: 1, tasks, homes: [0, 0, 1, 1]) { $0.movesHomes = true }
        moving.handle(.jobReleased(task: 0), at: .zero, into: &commands)
        moving.handle(.jobReleased(task: 1), at: .zero, into: &commands)
        #expect(moving.homes(of: 1) == [1])
        // The paper's rules move the job alone.
        var staying = try scheduler(contexts: 2, streams: 1, tasks, homes: [0, 0, 1, 1]) { _ in }
        staying.handle(.jobReleased(task: 0), at: .zero, into: &commands)
        staying.handle(.jobReleased(task: 1), at: .zero, into: &commands)
        #expect(staying.homes(of: 1) == [0] && staying.counts.rejected == 0)
        // d would leave 0.05 for 1.2: that does not even the load.
        moving = try scheduler(contexts: 2, streams: 1, tasks, homes: [0, 0, 1, 1]) { $0.movesHomes = true }
        moving.handle(.jobReleased(task: 2), at: .zero, into: &commands)
        moving.handle(.jobReleased(task: 3), at: .zero, into: &commands)
        #expect(moving.homes(of: 3) == [1])
    }

    @Test("a rejected release takes the place of a measured time, and MRET falls with the next one that is measured")
    func rejectionsAge() {
        var windows = ExecutionTimeWindows(afet: [Nanoseconds(7)], size: 3)
        _ = windows.record(Nanoseconds(9), stage: 0)
        windows.skip(stage: 0)
        windows.skip(stage: 0)
        #expect(windows[0] == Nanoseconds(9))
        windows.skip(stage: 0)
        #expect(windows[0] == Nanoseconds(9))
        #expect(windows.record(Nanoseconds(4), stage: 0) == Nanoseconds(-5))
        #expect(windows.recentSamples(stage: 0) == [Nanoseconds(4)])
        #expect(windows.expireOldest(stage: 0) == .zero)
        _ = windows.expireOldest(stage: 0)
        _ = windows.expireOldest(stage: 0)
        #expect(windows[0] == Nanoseconds(7))
    }

    @Test("LP's late stages go before its last ones, HP's do not")
    func lateBeforeLast() {
        func level(_ priority: Priority, last: Bool, late: Bool) -> UInt8 {
            ReadyQueue.level(priority, isLast: last, isLate: late, lateBeforeLast: true)
        }
        #expect(level(.low, last: false, late: true) < level(.low, last: true, late: false))
        #expect(level(.low, last: true, late: true) < level(.low, last: false, late: true))
        #expect(level(.high, last: true, late: false) < level(.high, last: false, late: true))
    }

    @Test("batching and express lanes are refused with one sentence")
    func refused() throws {
        var options = SchedulerOptions()
        options.rules = .all
        options.batching = 4
        #expect(throws: SchedulerError.publishedRules) {
            try SchedulerConfiguration(
                partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: [], options: options)
        }
        options.batching = nil
        #expect(throws: SchedulerError.publishedRules) {
            try SchedulerConfiguration(
                partition: Partition(contexts: 1, streams: 1, oversubscription: 1, express: 1), tasks: [],
                options: options)
        }
    }
}
