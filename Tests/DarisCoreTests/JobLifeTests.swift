import Testing

@testable import DarisCore

@Suite("Releases that come too early, and late jobs")
struct OverrunTests {
    @Test("a release during the previous job is skipped")
    func skip() throws {
        var bench = try Bench([task(.high)])
        bench.release(0, at: 0)
        let second = bench.release(0, at: 1)
        #expect(second.fates == [.skipped] && second.reasons == [.previousJobInFlight])
        bench.complete(at: 10)
        #expect(bench.release(0, at: 11).started == [0])
    }

    @Test("or waits for it, up to the queue's limit")
    func queue() throws {
        var bench = try Bench([task(.high, overrun: .queue(limit: 2))])
        bench.release(0, at: 0)
        #expect(bench.release(0, at: 1) == [.queued(JobID(task: 0, sequence: 1))])
        #expect(bench.release(0, at: 2) == [.queued(JobID(task: 0, sequence: 2))])
        let fourth = bench.release(0, at: 3)
        #expect(fourth.fates == [.skipped] && fourth.reasons == [.queueFull])
        let next = bench.complete(at: 10)
        #expect(next.outcomes.map(\.job.sequence) == [0] && next.started == [0])
        #expect(bench.complete(at: 20).outcomes.first?.release == milliseconds(1), "it keeps its release time")
    }

    @Test("a queued LP release must pass admission when its turn comes")
    func queuedAdmission() throws {
        var bench = try Bench([task(.low, overrun: .queue(limit: 1), afet: [60]), task(.high, afet: [10])])
        bench.release(0, at: 0)
        bench.release(0, at: 1)
        let end = bench.complete(took: 95, at: 95)
        #expect(end.fates == [.completed, .rejected])
    }

    @Test("a late job runs on, LP too")
    func lateRuns() throws {
        var bench = try Bench([task(deadline: 20, .low, afet: [10, 10])])
        bench.release(0, at: 0)
        #expect(bench.complete(at: 50).started == [0])
        let end = bench.complete(at: 60)
        #expect(end.fates == [.completed] && end.reasons == [.late])
        #expect(end.outcomes[0].lateness == milliseconds(40) && end.outcomes[0].responseTime == milliseconds(60))
    }

    @Test("a job that ends exactly at its deadline is on time")
    func onTime() throws {
        var bench = try Bench([task(deadline: 20, .high)])
        bench.release(0, at: 0)
        #expect(bench.complete(at: 20).reasons == [.onTime])
    }

    @Test("late: drop gives a job up before it starts")
    func dropBeforeStart() throws {
        var bench = try Bench([task(deadline: 20, .low, lateness: .drop)])
        let none = bench.release(0, at: 0, deadline: 0)
        #expect(none.fates == [.dropped] && none.reasons == [.deadlinePassed])
    }

    @Test("late: drop gives a ready job up at its deadline, when the timer it asked for fires")
    func dropReady() throws {
        var bench = try Bench([task("long", .high), task(deadline: 30, .high, lateness: .drop)])
        bench.release(0, at: 0)
        bench.release(1, at: 5)
        #expect(bench.wake == milliseconds(35))
        #expect(bench.send(.timerFired, at: 34) == [], "too early: it is asked for again")
        #expect(bench.wake == milliseconds(35))
        let dropped = bench.send(.timerFired, at: 35)
        #expect(dropped.fates == [.dropped] && dropped.reasons == [.deadlinePassed])
        #expect(bench.complete(at: 40).started == [])
    }

    @Test("late: drop gives a waiting release up at its deadline, and frees its place in the queue")
    func dropWaiting() throws {
        var bench = try Bench([task(deadline: 30, .high, lateness: .drop, overrun: .queue(limit: 1), afet: [100])])
        bench.release(0, at: 0)
        bench.release(0, at: 5)
        bench.send(.timerFired, at: 30)
        #expect(bench.wake == milliseconds(35))
        let dropped = bench.send(.timerFired, at: 35)
        #expect(dropped.outcomes.map(\.job.sequence) == [1] && dropped.reasons == [.deadlinePassed])
        #expect(bench.release(0, at: 36) == [.queued(JobID(task: 0, sequence: 2))])
    }

    @Test("late: drop gives a running job up at the end of its stage, but not after the last")
    func dropAtStageEnd() throws {
        var bench = try Bench([task(deadline: 30, .high, lateness: .drop, afet: [10, 10])])
        bench.release(0, at: 0)
        #expect(bench.send(.timerFired, at: 30) == [])
        let dropped = bench.complete(at: 31)
        #expect(dropped.fates == [.dropped] && dropped.started == [])
        bench.release(0, at: 100)
        bench.complete(at: 110)
        #expect(bench.complete(at: 131).reasons == [.late])
    }

    @Test("timers left behind by jobs that ended do not pile up")
    func timersAreCleared() throws {
        var bench = try Bench([task(.high, lateness: .drop)])
        for index in Int64(0)..<1000 {
            bench.release(0, at: index, deadline: 100_000)
            bench.complete(at: index)
        }
        #expect(bench.scheduler.timers.count <= 2 * 1 + 64)
    }
}

extension OverrunTests {
    @Test("clearing timers out keeps those of jobs that wait")
    func timersOfWaitingJobsStay() throws {
        var bench = try Bench(
            streams: 2,
            [task("busy", .high, lateness: .drop, overrun: .queue(limit: 1)), task("other", .high, lateness: .drop)])
        bench.release(0, at: 0, deadline: 9000)
        bench.release(0, at: 0, deadline: 5000)
        for index in Int64(0)..<200 {
            bench.release(1, at: index, deadline: 80_000)
            bench.complete(lane: 1, at: index)
        }
        #expect(bench.wake == milliseconds(5000))
        #expect(bench.send(.timerFired, at: 5000).outcomes.map(\.job) == [JobID(task: 0, sequence: 1)])
    }
}

@Suite("Failures, cancellations, lost contexts")
struct FailureTests {
    @Test("a failing stage ends its own job alone")
    func stageFails() throws {
        var bench = try Bench([task("a", .high), task("b", .high), task("c", .high)])
        for task in 0..<3 { bench.release(task, at: 0) }
        let failed = bench.fail(at: 5)
        #expect(failed.outcomes.map(\.job.task) == [0] && failed.fates == [.failed] && failed.reasons == [.stageFailed])
        #expect(failed.started == [1], "the lane goes on")
        #expect(bench.complete(at: 15).fates == [.completed])
        #expect(bench.complete(at: 25).fates == [.completed])
        #expect(bench.release(0, at: 100).started == [0], "and so does the task")
    }

    @Test("an end of a stage that does not run is ignored")
    func stale() throws {
        var bench = try Bench([task(.high, afet: [10, 10])])
        bench.release(0, at: 0)
        let before = bench.scheduler.mret(of: 0)
        for (lane, job) in [
            (0, JobID(task: 0, sequence: 1)), (0, JobID(task: -1, sequence: 0)), (1, JobID(task: 0, sequence: 0)),
            (-1, JobID(task: 0, sequence: 0)),
        ] {
            #expect(bench.send(.stageCompleted(lane: lane, job: job, executionTime: milliseconds(99)), at: 1) == [])
            #expect(bench.send(.stageFailed(lane: lane, job: job), at: 1) == [])
        }
        #expect(bench.scheduler.mret(of: 0) == before && bench.scheduler.dispatch(on: 0)?.stage == 0)
        // An idle lane and a task that does not exist.
        bench.complete(at: 10)
        bench.complete(at: 20)
        #expect(
            bench.send(.stageCompleted(lane: 0, job: JobID(task: -1, sequence: 0), executionTime: .zero), at: 21) == [])
    }

    @Test("cancelling drops a ready job at once, a running one at the end of its stage, a waiting one from the queue")
    func cancel() throws {
        var bench = try Bench([task("a", .high, overrun: .queue(limit: 2), afet: [10, 10]), task("b", .high)])
        bench.release(0, at: 0)
        bench.release(0, at: 0)
        bench.release(1, at: 0)
        let waiting = bench.send(.jobCancelled(JobID(task: 0, sequence: 1)), at: 1)
        #expect(waiting.fates == [.dropped] && waiting.reasons == [.cancelled])
        #expect(bench.send(.jobCancelled(JobID(task: 1, sequence: 0)), at: 2).reasons == [.cancelled])
        #expect(bench.send(.jobCancelled(JobID(task: 0, sequence: 0)), at: 3) == [])
        let running = bench.complete(at: 10)
        #expect(running.reasons == [.cancelled] && running.started == [])
        for unknown in [JobID(task: 9, sequence: 0), JobID(task: -1, sequence: 0), JobID(task: 0, sequence: 50)] {
            #expect(bench.send(.jobCancelled(unknown), at: 11) == [])
        }
    }

    @Test("a cancellation does not reach the next job of the task")
    func cancelOnce() throws {
        var bench = try Bench([task(.high, afet: [10, 10])])
        bench.release(0, at: 0)
        bench.send(.jobCancelled(JobID(task: 0, sequence: 0)), at: 1)
        bench.complete(at: 10)
        bench.release(0, at: 100)
        #expect(bench.complete(at: 110).started == [0])
    }

    @Test("a lost context fails the jobs on it, and no other")
    func contextLost() throws {
        let tasks = (0..<4).map { task("t\($0)", .high, afet: [10, 10]) }
        var bench = try Bench(contexts: 2, tasks, homes: [0, 0, 1, 1])
        for task in 0..<4 { bench.release(task, at: 0) }
        let lost = bench.send(.contextLost(0), at: 5)
        #expect(
            lost.outcomes.map(\.job.task) == [0, 1] && Set(lost.reasons) == [.contextLost]
                && Set(lost.fates) == [.failed])
        #expect(bench.scheduler.dispatch(on: 1)?.jobs[0].task == 2)
        #expect(bench.send(.contextLost(0), at: 6) == [] && bench.send(.contextLost(7), at: 6) == [])
    }

    @Test("tasks of a lost context are placed on the others, and return when it is restored")
    func rehoming() throws {
        let tasks = [task("a", .high, afet: [30]), task("b", .high, afet: [20]), task("c", .low, afet: [10])]
        var bench = try Bench(contexts: 3, tasks, homes: [0, 1, 0])
        bench.send(.contextLost(0), at: 0)
        #expect((0..<3).map { bench.scheduler.home(of: $0) } == [2, 1, 1], "a to the empty one, then c to the lighter")
        #expect(bench.release(0, at: 1).lanes == [2])
        #expect(bench.send(.contextRestored(0), at: 2) == [])
        #expect((0..<3).map { bench.scheduler.home(of: $0) } == [0, 1, 0])
        #expect(bench.complete(lane: 2, at: 20).fates == [.completed], "what was in flight elsewhere ends there")
        #expect(bench.release(0, at: 101).lanes == [0])
    }

    @Test("with every context lost, HP jobs fail and LP jobs are rejected; the first one back takes all tasks in")
    func allLost() throws {
        var bench = try Bench(contexts: 2, [task("a", .high), task("b", .low)], homes: [0, 1])
        bench.send(.contextLost(0), at: 0)
        bench.send(.contextLost(1), at: 0)
        let high = bench.release(0, at: 1)
        #expect(high.fates == [.failed] && high.reasons == [.noContextAlive])
        let low = bench.release(1, at: 1)
        #expect(low.fates == [.rejected] && low.reasons == [.noContextAlive])
        bench.send(.contextRestored(1), at: 2)
        #expect(bench.release(0, at: 3).admittedTo == 1 && bench.scheduler.home(of: 1) == 1)
    }

    @Test("times that run backwards or beyond all bounds trap nothing")
    func extremes() throws {
        var bench = try Bench([task(.high, afet: [10, 10])])
        bench.release(0, at: 50)
        #expect(bench.complete(took: -5, at: 10).started == [0])
        #expect(bench.scheduler.now == milliseconds(50))
        let job = JobID(task: 0, sequence: 0)
        bench.send(.stageCompleted(lane: 0, job: job, executionTime: Nanoseconds(.max)), at: 60)
        bench.send(.jobReleased(task: 0, relativeDeadline: Nanoseconds(.min)), at: 70)
        #expect(bench.complete(at: 80).started == [0] && bench.complete(at: 81).reasons == [.late])
        bench.send(.jobReleased(task: 0, relativeDeadline: Nanoseconds(.max)), at: 90)
        #expect(bench.scheduler.counts.inFlight == 1)
    }
}

@Suite("Ablations and limits")
struct OptionTests {
    @Test("without admission every LP job runs on its own context")
    func noAdmission() throws {
        var options = SchedulerOptions()
        options.admission = false
        var bench = try Bench(
            contexts: 2, [task(.low, afet: [90]), task(.low, afet: [90])], homes: [0, 0], options: options)
        #expect(bench.release(0, at: 0).admittedTo == 0 && bench.release(1, at: 0).admittedTo == 0)
    }

    @Test("without migration an LP job that does not fit at home is rejected")
    func noMigration() throws {
        var options = SchedulerOptions()
        options.migration = false
        var bench = try Bench(
            contexts: 2, [task(.low, afet: [90]), task(.low, afet: [90])], homes: [0, 0], options: options)
        bench.release(0, at: 0)
        #expect(bench.release(1, at: 0).reasons == [.noContextFits])
    }

    @Test(
        "w_s and WCET decide how long a slow run is remembered",
        arguments: [(1, false, 10), (2, false, 90), (1, true, 90)] as [(Int, Bool, Int64)])
    func memory(size: Int, worstCase: Bool, mret: Int64) throws {
        var options = SchedulerOptions()
        options.windowSize = size
        options.worstCaseExecutionTime = worstCase
        var bench = try Bench([task(.high)], options: options)
        for (index, took) in ([90, 10] as [Int64]).enumerated() {
            bench.release(0, at: Int64(index) * 100)
            bench.complete(took: took, at: Int64(index) * 100 + took)
        }
        #expect(bench.scheduler.mret(of: 0) == milliseconds(mret))
    }

    private func problem(
        _ tasks: [TaskSpecification], contexts: Int = 1, streams: Int = 1, oversubscription: Double = 1, window: Int = 5
    ) -> String? {
        var options = SchedulerOptions()
        options.windowSize = window
        do throws(SchedulerError) {
            _ = try SchedulerConfiguration(
                partition: Partition(contexts: contexts, streams: streams, oversubscription: oversubscription),
                tasks: tasks,
                options: options)
            return nil
        } catch { return error.description }
    }

    @Test("what cannot be scheduled is refused with the task and what would be right")
    func limits() {
        #expect(problem([]) == nil && problem([task()]) == nil)
        #expect(problem([], contexts: 0) == "a partition has 1 to 256 contexts and streams, not 0 × 1")
        #expect(problem([], streams: 257) == "a partition has 1 to 256 contexts and streams, not 1 × 257")
        #expect(
            problem([], contexts: 2, oversubscription: 2.5)
                == "the oversubscription of 2 contexts is from 1 to 2, not 2.5")
        #expect(problem([], oversubscription: .nan)?.hasPrefix("the oversubscription") == true)
        #expect(problem([], window: 0) == "the MRET window holds 1 to 1024 samples, not 0")
        #expect(problem([], window: 1025) == "the MRET window holds 1 to 1024 samples, not 1025")
        #expect(problem([task("x", period: 0)]) == "task 'x': the period must be above 0 and at most a day")
        #expect(problem([task("x", period: 86_400_001)]) == "task 'x': the period must be above 0 and at most a day")
        #expect(problem([task("x", deadline: -1)]) == "task 'x': the deadline must be above 0 and at most a day")
        #expect(problem([task("x", afet: [])]) == "task 'x': a task has 1 to 256 stages, not 0")
        #expect(
            problem([task("x", afet: [-1])]) == "task 'x': an execution time, and their sum, must be from 0 to a day")
        #expect(
            problem([task("x", afet: [86_400_000, 1])])
                == "task 'x': an execution time, and their sum, must be from 0 to a day")
        #expect(problem([task("x", batch: 0)]) == "task 'x': the batch must be from 1 to 65536, not 0")
        #expect(
            problem([task("x", overrun: .queue(limit: 0))])
                == "task 'x': the queue limit must be from 1 to 65536, not 0")
        #expect(problem(Array(repeating: task(), count: 65_537)) == "at most 65536 tasks can be scheduled, not 65537")
    }

    @Test("a program can tell which field of which task cannot be used")
    func fields() throws {
        func error(_ task: TaskSpecification) -> SchedulerError? {
            do throws(SchedulerError) {
                _ = try SchedulerConfiguration(
                    partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: [task])
                return nil
            } catch { return error }
        }
        func field(_ task: TaskSpecification) -> SchedulerError.TaskField? {
            if case .task("x", let field, _) = error(task) { field } else { nil }
        }
        #expect(field(task("x", period: 0)) == .period && field(task("x", deadline: -1)) == .deadline)
        #expect(field(task("x", afet: [])) == .afet && field(task("x", batch: 0)) == .batch)
        #expect(field(task("x", overrun: .queue(limit: 0))) == .overrun)
    }

    @Test("homes that do not fit the partition are refused")
    func homes() throws {
        var configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 2, streams: 1, oversubscription: 1), tasks: [task()])
        configuration.homes = [2]
        #expect(throws: SchedulerError.homes(contexts: 2)) { try configuration.validate() }
    }

    @Test("every reason has words of its own")
    func words() {
        #expect(Set(FateReason.allCases.map(\.text)).count == FateReason.allCases.count)
    }
}
