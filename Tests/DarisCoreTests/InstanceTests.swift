import Foundation
import Testing

@testable import DarisCore

@Suite("Instances of a task")
struct InstanceTests {
    private func task(
        _ priority: Priority, name: String = "a", instances: Int, afet: [Int64] = [10], period: Int64 = 100,
        overrun: OverrunRule = .skip
    ) -> TaskSpecification {
        TaskSpecification(
            name: name, period: .milliseconds(period), priority: priority, instances: instances, overrun: overrun,
            afet: afet.map { .milliseconds($0) })
    }

    @Test("a task has as many jobs in flight as it has instances")
    func room() throws {
        var bench = try Bench(streams: 4, [task(.high, instances: 3)])
        for release in 0..<3 { #expect(bench.release(0, at: 0).dispatches.map(\.lane) == [release]) }
        #expect(bench.scheduler.jobsInFlight(of: 0) == 3)
        #expect(bench.release(0, at: 0).reasons == [.previousJobInFlight])
        #expect(bench.complete(lane: 1, at: 10).reasons == [.onTime])
        #expect(bench.release(0, at: 10).lanes == [1])
    }

    @Test("a release waits until any of the jobs ends, not a certain one")
    func waiting() throws {
        var bench = try Bench(streams: 2, [task(.high, instances: 2, overrun: .queue(limit: 1))])
        bench.release(0, at: 0)
        bench.release(0, at: 0)
        #expect(bench.release(0, at: 1) == [.queued(JobID(task: 0, sequence: 2))])
        #expect(bench.release(0, at: 2).reasons == [.queueFull])
        let commands = bench.complete(lane: 1, at: 10)
        #expect(commands.fates == [.completed] && commands.dispatches.map { $0.jobs[0].sequence } == [2])
    }

    @Test("HP reserves its utilisation once for each instance, where that has its home")
    func reservation() throws {
        var bench = try Bench(contexts: 2, streams: 2, [task(.high, instances: 3)])
        #expect(bench.scheduler.homes(of: 0) == [0, 1, 0])
        func reserved() -> [Utilisation] { (0..<2).map { bench.scheduler.context($0).highPriority } }
        let share = Utilisation(100_000_000)
        #expect(reserved() == [share + share, share])
        // What one job teaches counts for all.
        bench.release(0, at: 0)
        bench.complete(took: 20, at: 20)
        #expect(reserved() == [Utilisation(400_000_000), Utilisation(200_000_000)])
        bench.send(.taskRemoved(0), at: 20)
        #expect(reserved() == [.zero, .zero])
        bench.send(.taskAdded(0), at: 21)
        #expect(reserved() == [Utilisation(400_000_000), Utilisation(200_000_000)])
    }

    @Test("LP counts each job in flight, and is admitted as far as they fit")
    func active() throws {
        var bench = try Bench([task(.low, instances: 4, afet: [30])])
        for release in 1...3 {
            #expect(bench.release(0, at: 0).fates.isEmpty)
            #expect(bench.scheduler.context(0).activeLowPriority == Utilisation(300_000_000 * Int64(release)))
        }
        #expect(bench.release(0, at: 0).reasons == [.noContextFits])
    }

    @Test("a job goes to the free instance on whose home the least work is")
    func home() throws {
        var bench = try Bench(
            contexts: 2, [task(.high, instances: 2), task(.high, name: "b", instances: 1)], homes: [0, 1, 0])
        bench.release(1, at: 0)
        #expect(bench.scheduler.home(of: 0) == 1)
        #expect(bench.release(0, at: 0).contains(.admitted(JobID(task: 0, sequence: 0), context: 1, migrated: false)))
        #expect(bench.release(0, at: 0).contains(.admitted(JobID(task: 0, sequence: 1), context: 0, migrated: false)))
    }

    @Test("without migration a job goes to the free instance whose home admits it, before one with less work")
    func homeThatAdmits() throws {
        var options = SchedulerOptions()
        options.migration = false
        var bench = try Bench(
            contexts: 2,
            [
                task(.low, instances: 2, afet: [30]), task(.high, name: "b", instances: 1, afet: [90]),
                task(.low, name: "c", instances: 1, afet: [20]),
            ], homes: [0, 1, 0, 1], options: options)
        bench.release(2, at: 0)
        #expect(bench.scheduler.context(0).work < bench.scheduler.context(1).work)
        #expect(bench.release(0, at: 0).contains(.admitted(JobID(task: 0, sequence: 0), context: 1, migrated: false)))
    }

    @Test("the longest times of as many jobs as there may be can be added up")
    func longest() throws {
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
            tasks: [task(.high, instances: 256, afet: Array(repeating: 0, count: 256))])
        var times = ExecutionTimes(configuration, sharesLanes: false)
        for stage in 0..<256 { _ = times.record(SchedulerConfiguration.longestTime, of: 0, stage: stage) }
        let most = Int64(SchedulerConfiguration.taskLimit)
        #expect(times.mret(0).rawValue > 0 && !times.mret(0).rawValue.multipliedReportingOverflow(by: most).overflow)
    }

    @Test("what one job teaches changes the work and the utilisation of the others in flight")
    func sharing() throws {
        var bench = try Bench(contexts: 2, [task(.low, instances: 3, afet: [10, 10], period: 1000)], homes: [0, 1, 1])
        bench.release(0, at: 0)
        bench.release(0, at: 0)
        bench.complete(lane: 0, took: 25, at: 25)
        // The first job has its second stage before it, the other both.
        #expect(bench.scheduler.context(0).work == .milliseconds(10))
        #expect(bench.scheduler.context(1).work == .milliseconds(35))
        for context in 0..<2 {
            #expect(bench.scheduler.context(context).activeLowPriority == Utilisation(35_000_000))
        }
        #expect(bench.scheduler.invariantViolation() == nil)
    }

    @Test("the instances of a lost context move, and return")
    func loss() throws {
        var bench = try Bench(contexts: 2, [task(.high, instances: 2)])
        bench.release(0, at: 0)
        bench.release(0, at: 0)
        #expect(bench.send(.contextLost(0), at: 1).reasons == [.contextLost])
        #expect(bench.scheduler.homes(of: 0) == [1, 1])
        bench.send(.contextRestored(0), at: 2)
        #expect(bench.scheduler.homes(of: 0) == [0, 1])
    }

    @Test("instances of one task run together in a batch, each on tensors of its own")
    func batch() throws {
        var specification = task(.low, instances: 4, afet: [10], period: 1000)
        specification.batchGroup = 0
        var options = SchedulerOptions()
        options.batching = 4
        options.batchingRules = []
        let group = BatchGroup(sizes: [.init(jobs: 2, afet: [.milliseconds(12)])])
        var bench = Bench(
            try SchedulerConfiguration(
                partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: [specification],
                options: options, batchGroups: [group]))
        for _ in 0..<3 { bench.release(0, at: 0) }
        let dispatch = try #require(bench.complete(at: 10).dispatches.first)
        #expect(dispatch.jobs.map(\.sequence) == [1, 2])
        #expect(dispatch.jobs.indices.map { dispatch.jobs.instance(at: $0) } == [1, 2])
    }

    @Test("there are 1 to 256 instances, and 65,536 of all tasks")
    func limits() {
        func problem(_ tasks: [TaskSpecification]) -> String? {
            do {
                _ = try SchedulerConfiguration(
                    partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: tasks)
                return nil
            } catch { return error.description }
        }
        for count in [0, -1, 257] {
            #expect(problem([task(.low, instances: count)]) == "task 'a': a task has 1 to 256 instances, not \(count)")
        }
        #expect(problem([task(.low, instances: 256)]) == nil)
        #expect(
            problem((0...256).map { task(.low, name: "t\($0)", instances: 256) })
                == "the tasks may have at most 65536 instances together, not 65792")
    }

    @Test("a task that was written before there were instances has one")
    func older() throws {
        let encoder = JSONEncoder()
        let text = String(decoding: try encoder.encode(task(.low, instances: 3)), as: UTF8.self)
        func read(_ text: String) throws -> TaskSpecification {
            try JSONDecoder().decode(TaskSpecification.self, from: Data(text.utf8))
        }
        #expect(try read(text).instances == 3)
        let older = text.replacingOccurrences(of: #""instances":3,"#, with: "").replacingOccurrences(
            of: #","instances":3"#, with: "")
        #expect(!older.contains("instances"))
        #expect(try read(older) == task(.low, instances: 1))
    }
}
