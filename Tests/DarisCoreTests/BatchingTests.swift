import DarisSimulator
import Testing

@testable import DarisCore

/// One stage takes 10 ms alone, two together 12 ms, four 16 ms.
private let group = BatchGroup(
    sizes: [(2, 12), (4, 16)].map { jobs, time in
        BatchGroup.Size(jobs: jobs, afet: [.milliseconds(time), .milliseconds(time)])
    })

private func member(_ priority: Priority = .low, period: Int64 = 200, lateness: LatenessRule = .run)
    -> TaskSpecification
{
    var specification = task(period: period, priority, lateness: lateness, afet: [10, 10])
    specification.batchGroup = 0
    return specification
}

/// A task of no group that keeps the only lane busy until it is completed.
private let blocker = task(period: 1000, .high, overrun: .queue(limit: 4), afet: [10])

@Suite("Dynamic batching")
struct BatchingTests {
    private func bench(
        _ members: [TaskSpecification], batching: Int? = 8, lastStageLevel: Bool = true, group: BatchGroup = group
    ) throws -> Bench {
        var options = SchedulerOptions()
        options.batching = batching
        options.batchingRules = []
        options.admission = false
        options.lastStageLevel = lastStageLevel
        let tasks = [blocker] + members
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: tasks, options: options,
            batchGroups: [group])
        return Bench(configuration)
    }

    /// Releases all members while the blocker runs, then completes it.
    private func start(_ bench: inout Bench, _ members: [TaskSpecification]) -> [Command] {
        bench.release(0, at: 0)
        for index in members.indices { bench.release(index + 1, at: 1) }
        return bench.complete(at: 10)
    }

    @Test("ready jobs of one model and stage run as the largest measured batch; the first in the queue leads")
    func largestSize() throws {
        let members = Array(repeating: member(), count: 6)
        var bench = try bench(members)
        let commands = start(&bench, members)
        #expect(commands.joined == [2, 3, 4] && commands.started == [1])
        #expect(bench.scheduler.dispatch(on: 0)?.jobs.count == 4)
        #expect(bench.complete(took: 16, at: 26).joined == [6] || bench.scheduler.runningJobs(on: 0).count > 1)
    }

    @Test("nothing joins while batching is off, or beyond the largest batch allowed")
    func limits() throws {
        let members = Array(repeating: member(), count: 6)
        var off = try bench(members, batching: nil)
        #expect(start(&off, members).joined.isEmpty)
        var pairs = try bench(members, batching: 3)
        #expect(start(&pairs, members).joined == [2])
    }

    @Test("a job joins only if it still ends by its virtual deadline, and never holds a leader past its own")
    func bounds() throws {
        // Its virtual deadline is 22 ms: in time with one other, which takes until then, not with three.
        var hasty = member()
        hasty.deadline = milliseconds(42)
        let members = [hasty, member(), member(), member()]
        var bench = try bench(members)
        let commands = start(&bench, members)
        #expect(commands.started == [1] && commands.joined == [2])
    }

    @Test("an HP job with LP company ends by the virtual deadline it would have met alone")
    func highPriority() throws {
        var high = member(.high)
        high.deadline = milliseconds(40)  // virtual deadline 21 ms: met alone (20), missed in any batch (22)
        let members = [high, member(), member(), member()]
        var bench = try bench(members)
        let commands = start(&bench, members)
        #expect(commands.started == [1] && commands.joined.isEmpty)
    }

    @Test("a job that would miss its virtual deadline even alone, but not its deadline, is held to the latter")
    func heldToDeadline() throws {
        var late = member(.high)
        late.deadline = milliseconds(32)  // virtual deadline 17 ms; its last stage must start by 23 ms
        let members = [late, member(), member(), member()]
        var bench = try bench(members)
        #expect(start(&bench, members).joined == [2], "until 22 ms, not 26")
    }

    @Test("a job that is late whatever happens has nothing to lose by company")
    func lostAnyway() throws {
        var late = member(.high)
        late.deadline = milliseconds(20)
        let members = [late, member(), member(), member()]
        var bench = try bench(members)
        #expect(start(&bench, members).joined == [2, 3, 4])
    }

    @Test("each member is charged its share of the batch and a quarter more, and its MRET stays that of runs alone")
    func costs() throws {
        let members = Array(repeating: member(), count: 4)
        var bench = try bench(members)
        _ = start(&bench, members)
        bench.complete(took: 16, at: 26)
        for index in 1...4 {
            #expect(bench.scheduler.cost(of: index, stage: 0) == milliseconds(5))
            #expect(bench.scheduler.mret(of: index, stage: 0) == milliseconds(10))
            #expect(
                bench.scheduler.utilisation(of: index)
                    == Utilisation(executionTime: milliseconds(15), period: milliseconds(200)))
        }
        #expect(bench.scheduler.batchTime(of: 1, jobs: 4, stage: 0) == milliseconds(16))
    }

    @Test(
        "a stage that ran alone is charged no more than in the batch of a full device, a quarter of the largest",
        arguments: [(8, 7_500), (7, 12_500)])
    func room(tasks: Int, microseconds: Int64) throws {
        let members = Array(repeating: member(), count: tasks)
        let sizes = [(2, 12), (4, 16), (8, 20)].map { jobs, time in
            BatchGroup.Size(jobs: jobs, afet: [.milliseconds(time), .milliseconds(time)])
        }
        var bench = try bench(members, group: BatchGroup(sizes: sizes))
        bench.release(1, at: 0)
        bench.complete(took: 10, at: 10)
        // 12 ms for two, of which one has 6 ms, and a quarter more; seven tasks are too few for two at a stage at a time.
        #expect(bench.scheduler.cost(of: 1, stage: 0) == .microseconds(microseconds))
    }

    @Test("a lane is charged for from the dispatch on")
    func waits() throws {
        var bench = try bench([member()])
        bench.release(1, at: 0)
        bench.complete(took: 10, at: 14)
        #expect(bench.scheduler.cost(of: 1, stage: 0) == .microseconds(17_500))
        #expect(bench.scheduler.mret(of: 1, stage: 0) == milliseconds(10))
    }

    @Test("all members of a batch end with it")
    func ends() throws {
        let members = Array(repeating: member(), count: 4)
        var bench = try bench(members)
        _ = start(&bench, members)
        #expect(bench.complete(took: 16, at: 26).joined == [2, 3, 4], "the second stage together again")
        let commands = bench.complete(took: 16, at: 42)
        #expect(
            commands.outcomes.map(\.job.task) == [1, 2, 3, 4] && commands.reasons == Array(repeating: .onTime, count: 4)
        )
    }

    @Test("when a batch fails each member is tried alone, so that only the faulty job fails")
    func failure() throws {
        let members = Array(repeating: member(), count: 4)
        var bench = try bench(members, lastStageLevel: false)
        _ = start(&bench, members)
        #expect(bench.fail(at: 20).started == [1])
        #expect(bench.scheduler.dispatch(on: 0)?.jobs.count == 1)
        let faulty = bench.fail(at: 30)
        #expect(faulty.fates == [.failed] && faulty.started == [2] && faulty.joined.isEmpty)
        #expect(bench.complete(at: 40).started == [3])
        #expect(bench.complete(at: 50).started == [4])
        #expect(bench.scheduler.dispatch(on: 0)?.jobs.count == 1)
        #expect(bench.complete(at: 60).joined == [3], "at the next stage they run together again")
    }

    @Test("a cancelled member goes to the end of the stage with the others")
    func cancellation() throws {
        let members = Array(repeating: member(), count: 4)
        var bench = try bench(members)
        _ = start(&bench, members)
        #expect(bench.send(.jobCancelled(JobID(task: 3, sequence: 0)), at: 12).isEmpty)
        let commands = bench.complete(took: 16, at: 26)
        #expect(commands.outcomes.map(\.job.task) == [3] && commands.reasons == [.cancelled])
    }

    @Test("a lost context fails every member")
    func lostContext() throws {
        let members = Array(repeating: member(), count: 4)
        var bench = try bench(members)
        _ = start(&bench, members)
        let commands = bench.send(.contextLost(0), at: 12)
        #expect(commands.outcomes.map(\.job.task) == [1, 2, 3, 4])
        #expect(commands.reasons == Array(repeating: .contextLost, count: 4))
    }

    @Test("a configuration says what is wrong with its batches")
    func validation() throws {
        func problem(_ change: (inout SchedulerConfiguration) -> Void) throws -> String? {
            var configuration = try SchedulerConfiguration(
                partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: [member(), member()],
                batchGroups: [group])
            change(&configuration)
            do throws(SchedulerError) {
                try configuration.validate()
                return nil
            } catch { return error.description }
        }
        #expect(try problem { _ in } == nil)
        #expect(try problem { $0.options.batching = 65 } == "a batch may have 2 to 64 jobs, not 65")
        #expect(try problem { $0.tasks[0].batchGroup = 1 }?.contains("there is no batch group 1") == true)
        #expect(try problem { $0.tasks[0].batch = 2 }?.contains("tasks of another batch") == true)
        #expect(try problem { $0.tasks[1].afet = [.zero] }?.contains("has other stages than its 1") == true)
        #expect(try problem { $0.batchGroups?[0].sizes.reverse() }?.contains("sizes must ascend") == true)
        #expect(
            try problem { $0.batchGroups?[0].sizes[0].afet[0] = Nanoseconds(-1) }?.contains("from 0 to a day") == true)
    }

    @Test("a run with batches is recorded, read and replayed")
    func record() throws {
        var options = SchedulerOptions()
        options.batching = 4
        options.admission = false
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
            tasks: Array(repeating: member(period: 60), count: 6), options: options, batchGroups: [group])
        let result = VirtualTimeDriver(
            configuration, duration: .seconds(Int64(1)), stageTimes: .noisy(seed: 1, factors: 0.8...1.2),
            keepsEntries: true
        ).run()
        #expect(result.violation == nil)
        let batching = try #require(result.summary.batching)
        #expect(batching.batches > 10 && batching.meanJobs >= 2 && batching.share > 0.2 && batching.share <= 1)
        let plan = RunPlan(
            configuration, models: configuration.tasks.map(\.name), device: "virtual", unitName: "cores", units: 1,
            kind: .cores, contextUnits: [[0]], simulated: true, load: nil, duration: .seconds(Int64(1)), seed: 1,
            notes: [])
        let record = RunRecord(plan: plan, configuration: configuration, entries: result.entries, end: result.end)
        let read = try RunRecord.read(bytes: record.encoded())
        #expect(read == record && read.replay() == nil)
        #expect(String(decoding: record.encoded(), as: UTF8.self).contains("\"with\":["))
    }

    @Test("records of runs without batching do not mention it")
    func silence() throws {
        let text = String(decoding: try RunRecordTests.record(duration: .milliseconds(10)).encoded(), as: UTF8.self)
        #expect(!text.contains("batching") && !text.contains("batch_group") && !text.contains("join"))
    }
}
