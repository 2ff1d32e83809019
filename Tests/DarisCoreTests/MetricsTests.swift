import Testing

@testable import DarisCore

@Suite("Metrics")
struct MetricsTests {
    /// A run worked out by hand on one lane, times in milliseconds; returns its figures.
    private func summary() throws -> RunSummary {
        let tasks = [
            task("camera", .high, batch: 4, afet: [10]),
            task("log", deadline: 30, .low, afet: [10]),
            task("heavy", .low, afet: [200]),
        ]
        var bench = try Bench(tasks)
        func release(_ task: Int, at time: Int64) { bench.release(task, at: time) }
        func complete(took: Int64, at time: Int64) { bench.complete(took: took, at: time) }
        release(0, at: 0)  // camera 0
        release(0, at: 1)  // camera 1: skipped, a miss
        release(1, at: 2)  // log 0 waits
        release(2, at: 3)  // heavy 0: rejected
        complete(took: 10, at: 10)  // camera 0 on time, response 10
        complete(took: 20, at: 40)  // log 0: due at 32, 8 late, response 38
        release(1, at: 100)  // log 1
        bench.send(.jobCancelled(JobID(task: 1, sequence: 1)), at: 101)
        complete(took: 10, at: 110)  // its only stage ends all the same
        release(0, at: 200)  // camera 2 runs
        release(1, at: 201)  // log 2 waits
        bench.send(.jobCancelled(JobID(task: 1, sequence: 2)), at: 202)  // dropped, no miss
        bench.fail(at: 205)  // camera 2 failed, a miss
        release(0, at: 300)  // camera 3
        complete(took: 50, at: 350)
        release(1, at: 400)  // log 3 runs past its deadline at the end of the run
        bench.send(.timerFired, at: 500)
        return RunSummary(
            bench.ledger, scheduler: bench.scheduler, duration: milliseconds(500), elapsed: milliseconds(500))
    }

    @Test("more execution time than there can be is counted as the most there can be, a day")
    func endless() throws {
        var bench = try Bench([task("a", .high, afet: [10])])
        bench.release(0, at: 0)
        let job = JobID(task: 0, sequence: 0)
        bench.send(.stageCompleted(lane: 0, job: job, executionTime: .distantFuture), at: 1)
        #expect(bench.ledger.busy[0] == SchedulerConfiguration.longestTime)
    }

    @Test("an end that is not of what runs on its lane counts for nothing")
    func strayEnds() throws {
        var bench = try Bench([task("a", .high, afet: [10]), task("b", .low, afet: [10])])
        bench.release(0, at: 0)
        for (lane, task) in [(0, 1), (1, 0), (-1, 0), (0, 99)] {
            bench.send(.stageCompleted(lane: lane, job: JobID(task: task, sequence: 0), executionTime: .zero), at: 1)
        }
        #expect(bench.ledger.stages == 0)
        bench.send(.contextLost(0), at: 2)
        bench.send(.stageCompleted(lane: 0, job: JobID(task: 0, sequence: 0), executionTime: .zero), at: 3)
        #expect(bench.ledger.stages == 0 && bench.ledger.losses == [1])
    }

    @Test("HP: skipped and failed jobs are misses")
    func highPriority() throws {
        let hp = try summary().hp
        #expect(hp.released == 4 && hp.skipped == 1 && hp.accepted == 3 && hp.completed == 2 && hp.failed == 1)
        #expect(hp.missed == 2 && hp.dmr == 0.5)
        #expect(hp.acceptance == 0.75 && hp.rejected == 0)
    }

    @Test("LP: late jobs and overdue ones in flight are misses, rejected and cancelled ones are not")
    func lowPriority() throws {
        let lp = try summary().lp
        #expect(lp.released == 5 && lp.rejected == 1 && lp.accepted == 4)
        #expect(lp.completed == 2 && lp.late == 1 && lp.dropped == 1 && lp.cancelled == 1 && lp.inFlight == 1)
        // Missed: log 0 (late), log 3 (overdue). Of log 0, 1 and 3: log 2 was cancelled and counts on neither side.
        #expect(lp.missed == 2 && lp.dmr == 2.0 / 3)
        #expect(lp.acceptance == 0.8)
    }

    @Test("a refused request lowers acceptance alone; an expired one is a miss, and no release")
    func requests() throws {
        var bench = try Bench([task("camera", .high, afet: [10]), task("log", deadline: 30, .low, afet: [10])])
        bench.release(1, at: 0)
        bench.complete(took: 10, at: 10)
        for (end, task) in [(.refused, 1), (.refused, 1), (.refused, 1), (.expired, 1), (.expired, 0)]
            as [(RequestEnd, Int)]
        {
            bench.ledger.take(.request(end, task: task))
        }
        let summary = RunSummary(
            bench.ledger, scheduler: bench.scheduler, duration: milliseconds(20), elapsed: milliseconds(20))
        let lp = summary.lp
        #expect(lp.released == 1 && lp.accepted == 1 && lp.refused == 3 && lp.expired == 1)
        #expect(lp.offered == 4 && lp.acceptance == 0.25)
        #expect(lp.missed == 1 && lp.judged(.low) == 2 && lp.dmr == 0.5)
        #expect(summary.hp.released == 0 && summary.hp.missed == 1 && summary.hp.dmr == 1 && summary.hp.acceptance == 0)
        #expect(summary.tasks[1].figures == lp && summary.jobs.isBalanced && summary.jobs.released == 1)
    }

    @Test("JPS counts inferences: batch times completed jobs over the elapsed time")
    func rates() throws {
        let summary = try summary()
        #expect(summary.hp.jps == 16 && summary.lp.jps == 4 && summary.jps == 20)
        #expect(summary.elapsedS == 0.5 && summary.stages == 4)
        #expect(summary.contexts[0].utilisation == 0.18)
    }

    @Test("response and lateness are those of completed jobs")
    func times() throws {
        let summary = try summary()
        #expect(summary.hp.responseMs.count == 2 && summary.hp.responseMs.max == 50 && summary.hp.responseMs.mean == 30)
        #expect(summary.lp.latenessMs.count == 1 && summary.lp.latenessMs.max == 8)
        #expect(summary.lp.responseMs.max == 38)
        #expect(summary.tasks[1].figures.late == 1 && summary.tasks[2].figures.rejected == 1)
    }

    @Test("no job is lost: released is the sum of all fates")
    func balance() throws {
        let summary = try summary()
        #expect(summary.jobs.isBalanced && summary.jobs.released == 9)
        var wrong = summary.jobs
        wrong.failed += 1
        #expect(!wrong.isBalanced)
    }

    @Test("a removed task's releases are no misses and count in no rate")
    func removed() throws {
        let tasks = [task("camera", .high, overrun: .queue(limit: 1)), task("log", .low)]
        var bench = try Bench(tasks)
        for task in [0, 0, 1] { bench.release(task, at: 0) }
        for task in 0..<2 { bench.send(.taskRemoved(task), at: 1) }
        for task in 0..<2 { bench.release(task, at: 2) }
        bench.complete(at: 10)
        bench.complete(at: 20)
        let summary = RunSummary(
            bench.ledger, scheduler: bench.scheduler, duration: milliseconds(20), elapsed: milliseconds(20))
        #expect(summary.hp.released == 3 && summary.hp.rejected == 1 && summary.hp.removed == 1)
        #expect(summary.hp.dropped == 1 && summary.hp.cancelled == 1 && summary.hp.missed == 0 && summary.hp.dmr == 0)
        #expect(summary.hp.acceptance == 1 && summary.lp.acceptance == 1 && summary.lp.removed == 1)
        #expect(summary.jobs.isBalanced && summary.jobs.inFlight == 0)
    }

    @Test("percentiles are right to a percent")
    func distribution() {
        var times = Distribution()
        for count in Int64(1)...1000 { times.record(.microseconds(count)) }
        #expect(times.count == 1000 && times.maximum == .microseconds(1000))
        #expect(times.mean == Nanoseconds(500_500))
        for percent in [50.0, 95, 99] {
            #expect(abs(times.percentile(percent).inMilliseconds - percent / 100) < percent / 100 * 0.011)
        }
        times.record(Nanoseconds(-5))
        times.record(.seconds(Int64(1_000_000)))
        #expect(times.count == 1002 && Distribution().percentile(99) == .zero)
    }
}
