import DarisCore
import Testing

@testable import DarisRuntime

@Suite("A run", .timeLimit(.minutes(15)))
struct ExecutorRunTests {
    @Test("each stage is launched once, in order, by the thread that ended the stage before")
    func stagesInOrder() async throws {
        let bench = try Bench([Bench.task(stages: 3)])
        let outcome = bench.start()
        let job = try bench.submit()
        for stage in 0..<3 {
            let launches = bench.device.launches.entries
            #expect(launches.map(\.stage) == Array(0...stage))
            #expect(launches.allSatisfy { $0.job == job })
            let launchedHere = Journal<Bool>()
            await onThread {
                bench.device.end(launches[stage])
                let last = bench.device.launches.entries.last
                launchedHere.append(last?.stage == stage + 1 && last?.thread == ManualDevice.thisThread)
            }
            #expect(launchedHere.entries == [stage < 2])
        }
        #expect(await bench.answers.first(1)[0].answer.outputs != nil)
        bench.executor.interrupt()
        let summary = await outcome.value.summary
        #expect(summary.jobs.completed == 1 && summary.stages == 3)
        #expect(bench.device.violations.isEmpty)
    }

    @Test("periodic jobs are released by the clock and bring no tensors")
    func periodicJobs() async throws {
        let bench = try Bench(
            [Bench.task(period: .microseconds(100))], arrivals: [.clock(.every(.microseconds(100)))])
        let outcome = bench.start()
        for count in 1...5 {
            let launch = await bench.device.endLaunch(count)
            #expect(launch.io == nil)
        }
        bench.executor.interrupt()
        // One more job may have been launched before the interruption.
        if bench.device.launches.entries.count > 5 { await bench.device.endLaunch(6) }
        let summary = await outcome.value.summary
        #expect(summary.jobs.completed >= 5)
        #expect(summary.jobs.isBalanced && summary.jobs.inFlight == 0)
    }

    @Test("a run ends by itself once its duration is over and its jobs have ended")
    func endsByItself() async throws {
        let bench = try Bench(
            [Bench.task(period: .milliseconds(1))], arrivals: [.clock(.every(.milliseconds(1)))],
            duration: .milliseconds(1))
        let outcome = bench.start()
        await bench.device.endLaunch(1)
        let result = await outcome.value
        #expect(!result.wasInterrupted)
        #expect(result.summary.jobs.released == 1 && result.summary.jobs.completed == 1)
        #expect(result.summary.durationS == 0.001)
    }

    @Test("a failing stage ends its own job with the device's words, and the run goes on")
    func failingStage() async throws {
        let bench = try Bench([Bench.task("good", stages: 2), Bench.task("bad", stages: 2)], streams: 2)
        let outcome = bench.start()
        try bench.submit(task: 0, number: 0)
        try bench.submit(task: 1, number: 1)
        let launches = await bench.device.launches.first(2)
        bench.device.end(launches[1], error: "index out of range")
        let failed = await bench.answers.first(1)[0]
        #expect(failed.job == 1)
        #expect(failed.answer.ending == Ending(fate: .failed, reason: .stageFailed, message: "index out of range"))
        bench.device.end(launches[0])
        await bench.device.endLaunch(3)
        #expect(await bench.answers.first(2)[1].answer.outputs != nil)

        try bench.submit(task: 1, number: 2)
        await bench.device.endLaunch(4)
        await bench.device.endLaunch(5)
        #expect(await bench.answers.first(3)[2].answer.outputs != nil)
        bench.executor.interrupt()
        let result = await outcome.value
        #expect(result.errors == [.init(task: "bad", message: "index out of range", count: 1)])
        #expect(result.summary.jobs.failed == 1 && result.summary.jobs.completed == 2)
    }

    @Test("a lost context fails the jobs on it with the device's reason, and is used again once it is back")
    func lostContext() async throws {
        let bench = try Bench([Bench.task("one"), Bench.task("two")], contexts: 2)
        let outcome = bench.start()
        try bench.submit(task: 0, number: 0)
        try bench.submit(task: 1, number: 1)
        let launches = await bench.device.launches.first(2)
        #expect(Set(launches.map(\.lane)) == [0, 1])

        bench.device.change(.lost(1, DeviceError("its worker was killed")))
        let lost = await bench.answers.first(1)[0]
        let expected = Ending(fate: .failed, reason: .contextLost, message: "its worker was killed")
        #expect(lost.job == launches.firstIndex { $0.lane == 1 })
        #expect(lost.answer.ending == expected)
        // The end of the stage that was lost: the job has been answered for.
        let lostLaunch = launches.first { $0.lane == 1 }!
        bench.device.end(lostLaunch, error: "its worker was killed")

        // The other context takes over at once.
        bench.device.end(launches.first { $0.lane == 0 }!)
        try bench.submit(task: lostLaunch.job.task, number: 2)
        #expect(await bench.device.endLaunch(3).lane == 0)
        bench.device.change(.restored(1))
        _ = await bench.answers.first(3)
        try bench.submit(task: lostLaunch.job.task, number: 3)
        #expect(await bench.device.endLaunch(4).lane == 1)
        _ = await bench.answers.first(4)

        bench.executor.interrupt()
        let result = await outcome.value
        #expect(bench.device.violations == [])
        #expect(result.summary.jobs.failed == 1 && result.summary.jobs.completed == 3)
        #expect(result.errors.map(\.message) == ["its worker was killed"])
        #expect(result.errors.map(\.count) == [1])
    }

    @Test("a job that fails since no context is left counts among the errors")
    func noContextLeft() async throws {
        let bench = try Bench([Bench.task("one")])
        let outcome = bench.start()
        bench.device.change(.lost(0, DeviceError("its worker was killed")))
        for number in 0..<3 { try bench.submit(number: number) }
        _ = await bench.answers.first(3)
        bench.executor.interrupt()
        let result = await outcome.value
        #expect(result.summary.jobs.failed == 3)
        #expect(result.errors == [.init(task: "one", message: "every context is lost", count: 3)])
    }

    @Test("jobs that a lost context was running are suspects, those that waited there are not")
    func suspects() async throws {
        let bench = try Bench([Bench.task("one"), Bench.task("two"), Bench.task("three")], contexts: 1, streams: 2)
        let outcome = bench.start()
        for task in 0..<3 { try bench.submit(task: task, number: task) }
        let running = await bench.device.launches.first(2).map(\.job.task)
        bench.device.change(.lost(0, DeviceError("its worker was killed")))
        for answer in await bench.answers.first(3) {
            let isSuspect =
                if case .failure(.crashed(others: 1, message: "its worker was killed")) = answer.answer {
                    true
                } else {
                    false
                }
            #expect(isSuspect == running.contains(answer.job), "\(answer)")
        }
        #expect(!bench.executor.canRun)
        bench.device.change(.restored(0))
        #expect(bench.executor.canRun)
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test("a context that is lost with its device has no suspects")
    func noSuspects() async throws {
        let bench = try Bench([Bench.task("one")])
        let outcome = bench.start()
        try bench.submit()
        _ = await bench.device.launches.first(1)
        bench.device.change(.lost(0, DeviceError("error 700", losesDevice: true)))
        let answer = await bench.answers.first(1)[0].answer
        guard case .failure(.notCompleted(.failed, .contextLost, _)) = answer else {
            Issue.record("\(answer)")
            return
        }
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test("a run on a device that is lost for good ends by itself", arguments: [true, false])
    func abandoned(inStage: Bool) async throws {
        let bench = try Bench([Bench.task("one")])
        let outcome = bench.start()
        try bench.submit()
        let launch = await bench.device.launches.first(1)[0]
        let error = DeviceError("error 700", losesDevice: true)
        if inStage {
            bench.device.end(launch, error: error)
        } else {
            bench.device.change(.lost(0, error))
            bench.device.change(.abandoned(error))
        }
        let result = await outcome.value
        #expect(result.loss?.description == "error 700" && result.wasInterrupted == false)
        #expect(!bench.executor.canRun)
        #expect(throws: SubmissionError.self) { try bench.submit() }
    }

    @Test("equal failures are counted together, and those beyond 100 different ones as others")
    func failuresAreCounted() async throws {
        let bench = try Bench([Bench.task("bad")])
        let outcome = bench.start()
        for number in 0..<150 {
            try bench.submit(number: number)
            await bench.device.endLaunch(number + 1, error: number % 2 == 0 ? "always" : "number \(number)")
        }
        for number in 150..<200 {
            try bench.submit(number: number)
            await bench.device.endLaunch(number + 1, error: "number \(number)")
        }
        bench.executor.interrupt()
        let result = await outcome.value
        #expect(result.errors.count == 101)
        #expect(result.errors[0] == .init(task: "bad", message: "always", count: 75))
        #expect(result.errors[100] == .init(task: "bad", message: "other errors", count: 26))
        #expect(result.errors.reduce(0) { $0 + $1.count } == 200)
        #expect(result.summary.jobs.failed == 200)
    }

    @Test("an interruption ends the run early, but jobs in flight run to their end")
    func interruption() async throws {
        let bench = try Bench([Bench.task(stages: 2, overrun: .queue(limit: 4))])
        let outcome = bench.start()
        try bench.submit(number: 0)
        try bench.submit(number: 1)
        bench.executor.interrupt()
        bench.executor.interrupt()
        for count in 1...4 { await bench.device.endLaunch(count) }
        let result = await outcome.value
        #expect(result.wasInterrupted)
        #expect(result.summary.jobs.completed == 2 && result.summary.jobs.inFlight == 0)
        #expect(bench.answers.entries.map(\.job) == [0, 1])
        #expect(bench.answers.entries.allSatisfy { $0.answer.outputs != nil })
    }

    @Test("an interruption after the last release is none")
    func interruptionAfterTheEnd() async throws {
        let bench = try Bench([Bench.task()], duration: .milliseconds(1))
        let outcome = bench.start()
        let result = await outcome.value
        #expect(!result.wasInterrupted)
        bench.executor.interrupt()

        let other = try Bench([Bench.task()], arrivals: [.clock(.every(Bench.endless))], duration: .milliseconds(1))
        let otherOutcome = other.start()
        let launch = await other.device.launches.first(1)[0]
        while other.executor.state.withLock({ $0.takesJobs }) { await Task.yield() }
        other.executor.interrupt()
        other.device.end(launch)
        #expect(await !otherOutcome.value.wasInterrupted)
    }

    @Test("an interruption before the start leaves nothing to run")
    func interruptionBeforeTheStart() async throws {
        let bench = try Bench([Bench.task()], arrivals: [.clock(.every(Bench.endless))])
        bench.executor.interrupt()
        let result = await bench.start().value
        #expect(result.wasInterrupted)
        #expect(result.summary.jobs.released == 0)
    }

    @Test("a run of tasks that are all sporadic takes jobs for its whole duration")
    func sporadicOnly() async throws {
        let bench = try Bench([Bench.task(late: .drop)])
        let outcome = bench.start()
        for number in 0..<20 {
            try bench.submit(number: number)
            await bench.device.endLaunch(number + 1)
            _ = await bench.answers.first(number + 1)
        }
        bench.executor.interrupt()
        #expect(await outcome.value.summary.jobs.completed == 20)
    }

    @Test("a device that hangs is terminated at the drain limit; what does not end then counts as in flight")
    func hangingDevice() async throws {
        var options = Executor<ManualDevice>.Options()
        options.drainLimit = .milliseconds(1)
        options.terminationLimit = .milliseconds(1)
        let bench = try Bench([Bench.task(overrun: .queue(limit: 1))], options: options)
        let outcome = bench.start()
        try bench.submit(number: 0)
        try bench.submit(number: 1)
        bench.executor.interrupt()
        let result = await outcome.value
        #expect(bench.device.terminations.entries.count == 1)
        #expect(result.summary.jobs.inFlight == 2 && result.summary.jobs.isBalanced)
        #expect(bench.answers.entries.count == 2)
        for (_, answer) in bench.answers.entries {
            guard case .failure(.stopped) = answer else {
                Issue.record("the submitter was told \(answer)")
                continue
            }
        }
        // The stage ends after all: nobody is told twice, and nothing is launched any more.
        bench.device.end(bench.device.launches.entries[0])
        #expect(bench.device.launches.entries.count == 1)
        #expect(bench.answers.entries.count == 2)
    }

    @Test("stages that end when they are terminated count as failed")
    func terminatedStages() async throws {
        var options = Executor<ManualDevice>.Options()
        options.drainLimit = .milliseconds(1)
        options.terminationLimit = .seconds(Int64(600))
        let bench = try Bench([Bench.task()], options: options)
        let outcome = bench.start()
        try bench.submit()
        bench.executor.interrupt()
        _ = await bench.device.terminations.first(1)
        await bench.device.endLaunch(1, error: "terminated")
        let result = await outcome.value
        #expect(result.summary.jobs.failed == 1 && result.summary.jobs.inFlight == 0)
        #expect(bench.answers.entries[0].answer.ending?.message == "terminated")
    }

    @Test("a late job under 'late: drop' is dropped at its deadline while it waits for a lane")
    func lateJobsAreDropped() async throws {
        let bench = try Bench([Bench.task("long"), Bench.task("urgent", late: .drop)])
        let outcome = bench.start()
        try bench.submit(task: 0, number: 0)
        try bench.submit(task: 1, number: 1, deadline: .milliseconds(1))
        let dropped = await bench.answers.first(1)[0]
        #expect(dropped.job == 1)
        #expect(dropped.answer.ending == Ending(fate: .dropped, reason: .deadlinePassed))
        await bench.device.endLaunch(1)
        bench.executor.interrupt()
        #expect(await outcome.value.summary.hp.dropped == 1)
        #expect(bench.device.launches.entries.count == 1)
    }

    @Test("the observer sees every event, and a fresh scheduler repeats its commands")
    func observer() async throws {
        let events = Journal<(event: Event, time: Nanoseconds, commands: CommandBuffer)>()
        var options = Executor<ManualDevice>.Options()
        options.observer = { events.append(($0, $1, $2)) }
        let bench = try Bench(
            [
                Bench.task("a", stages: 2, overrun: .queue(limit: 2)), Bench.task("b", .low, stages: 3, late: .drop),
                Bench.task("c", .low, period: .microseconds(200)),
            ], contexts: 2, arrivals: [.sporadic, .sporadic, .clock(.every(.microseconds(200)))], options: options)
        let outcome = bench.start()
        for number in 0..<20 {
            let job = try bench.submit(task: number % 2, number: number, deadline: .milliseconds(Int64(1 + number % 3)))
            if number % 5 == 4 { bench.executor.cancel(job) }
            await bench.device.endLaunch(number + 1, error: number % 7 == 6 ? "broken" : nil)
        }
        bench.executor.interrupt()
        var ended = 20
        while bench.executor.snapshot().hp.counts.inFlight + bench.executor.snapshot().lp.counts.inFlight > 0 {
            guard bench.device.launches.entries.count > ended else {
                await Task.yield()
                continue
            }
            ended += 1
            await bench.device.endLaunch(ended)
        }
        let result = await outcome.value
        var scheduler = Scheduler(bench.executor.configuration)
        var commands = CommandBuffer()
        for (event, time, seen) in events.entries {
            scheduler.handle(event, at: time, into: &commands)
            #expect(commands == seen)
        }
        #expect(scheduler.counts == result.summary.jobs)
        #expect(scheduler.counts.released >= 20)
    }

    @Test("an executor is let go after its run, and one that never ran leaves nothing behind")
    func lifetime() async throws {
        weak var ran: Executor<ManualDevice>?
        weak var completions: CompletionThread?
        let device = ManualDevice(lanes: 1)
        try await {
            let bench = try Bench([Bench.task()], device: device)
            ran = bench.executor
            let outcome = bench.start()
            try bench.submit()
            await bench.device.endLaunch(1)
            bench.executor.interrupt()
            _ = await outcome.value
        }()
        // The thread that waited for the end lets go of it last.
        while ran != nil { await Task.yield() }

        try {
            let bench = try Bench([Bench.task()])
            completions = bench.executor.completions
        }()
        #expect(completions == nil)
    }

    @Test("a stage that ends after everybody has gone harms nobody")
    func lateEnd() async throws {
        var options = Executor<ManualDevice>.Options()
        options.drainLimit = .zero
        options.terminationLimit = .zero
        let device = ManualDevice(lanes: 1)
        try await {
            let bench = try Bench([Bench.task(stages: 2)], options: options, device: device)
            let outcome = bench.start()
            try bench.submit()
            bench.executor.interrupt()
            _ = await outcome.value
        }()
        device.end(device.launches.entries[0])
        #expect(device.launches.entries.count == 1)
    }
}
