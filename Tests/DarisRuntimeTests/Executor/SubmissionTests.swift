import DarisCore
import Testing

@testable import DarisRuntime

@Suite("Jobs from outside", .timeLimit(.minutes(15)))
struct SubmissionTests {
    @Test("inputs reach the device and its outputs come back")
    func outputs() async throws {
        let bench = try Bench([Bench.task(stages: 2)])
        let outcome = bench.start()
        try bench.submit(inputs: [[9, 8, 7, 6]])
        #expect(await bench.device.endLaunch(1).io?.inputs == [[9, 8, 7, 6]])
        await bench.device.endLaunch(2, output: [[5, 5, 5, 5]])
        #expect(await bench.answers.first(1)[0].answer.outputs == [[5, 5, 5, 5]])
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test(
        "a low-priority stage that runs far beyond its MRET is told to end, once, and its job says why; others are let be"
    )
    func overrun() async throws {
        let bench = try Bench([Bench.task("low", .low), Bench.task("high"), Bench.task("lower", .low)], streams: 3)
        let outcome = bench.start()
        for task in 0..<3 { try bench.submit(task: task, number: task) }
        let launches = await bench.device.launches.first(3)
        let low = try #require(launches.first { $0.job.task == 0 })
        bench.executor.endOverruns(.init(factor: 1e6))
        #expect(bench.device.terminatedLanes.entries.isEmpty)
        try bench.device.end(#require(launches.first { $0.job.task == 2 }))
        // MRET is 1 ms: it takes no longer than that until there is an overrun.
        while bench.device.terminatedLanes.entries.isEmpty {
            bench.executor.endOverruns(.init(factor: 1, least: .zero))
            await Task.yield()
        }
        bench.executor.endOverruns(.init(factor: 1, least: .zero))
        #expect(bench.device.terminatedLanes.entries == [low.lane])
        bench.device.end(low, error: "it was told to")
        let answers = await bench.answers.first(2)
        guard case .failure(.overran(let words)) = answers[1].answer else {
            Issue.record("\(answers[1])")
            return
        }
        #expect(words.contains("its stage 0 ran for") && words.contains("where 1.0 ms is usual, and was ended"))
        // The lane is as before for the next job.
        try bench.submit(task: 0, number: 3)
        await bench.device.endLaunch(4, error: "something else")
        #expect(await bench.answers.first(3)[2].answer.ending?.message == "something else")
        try bench.device.end(#require(launches.first { $0.job.task == 1 }))
        bench.executor.interrupt()
        #expect(await outcome.value.summary.lp.failed == 2)
    }

    @Test("whoever waits in a Swift task gets the outputs")
    func asyncOutputs() async throws {
        let bench = try Bench([Bench.task()])
        let outcome = bench.start()
        async let outputs = bench.executor.submit(task: 0, inputs: [[0, 0, 0, 0]])
        await bench.device.endLaunch(1, output: [[1, 2, 3, 4]])
        #expect(try await outputs == [[1, 2, 3, 4]])
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test("a rejected job says so at once")
    func rejected() async throws {
        let bench = try Bench([Bench.task("heavy", .low, period: .seconds(Int64(1)), afet: .seconds(Int64(2)))])
        let outcome = bench.start()
        try bench.submit()
        #expect(await bench.answers.first(1)[0].answer.ending == Ending(fate: .rejected, reason: .noContextFits))
        bench.executor.interrupt()
        #expect(await outcome.value.summary.lp.rejected == 1)
    }

    @Test("a job is skipped while the one before runs, or queued as far as its task allows")
    func skippedAndQueued() async throws {
        let bench = try Bench([Bench.task("skip"), Bench.task("queue", overrun: .queue(limit: 1))], streams: 2)
        let outcome = bench.start()
        for number in 0..<2 { try bench.submit(task: 0, number: number) }
        for number in 2..<5 { try bench.submit(task: 1, number: number) }
        let turnedAway = await bench.answers.first(2)
        #expect(turnedAway.map(\.job) == [1, 4])
        #expect(turnedAway[0].answer.ending == Ending(fate: .skipped, reason: .previousJobInFlight))
        #expect(turnedAway[1].answer.ending == Ending(fate: .skipped, reason: .queueFull))
        for count in 1...3 { await bench.device.endLaunch(count) }
        #expect(await Set(bench.answers.first(5).dropFirst(2).map(\.job)) == [0, 2, 3])
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test("a cancelled job ends at once if it waits for a lane or for its task's previous job")
    func cancelWaiting() async throws {
        let bench = try Bench([Bench.task("a", overrun: .queue(limit: 2)), Bench.task("b")])
        let outcome = bench.start()
        try bench.submit(task: 0, number: 0)
        let queued = try bench.submit(task: 0, number: 1)
        let ready = try bench.submit(task: 1, number: 2)
        bench.executor.cancel(queued)
        bench.executor.cancel(ready)
        let answers = await bench.answers.first(2)
        #expect(answers.map(\.job) == [1, 2])
        #expect(answers.allSatisfy { $0.answer.ending == Ending(fate: .dropped, reason: .cancelled) })
        await bench.device.endLaunch(1)
        bench.executor.interrupt()
        let summary = await outcome.value.summary
        #expect(summary.hp.cancelled == 2 && summary.hp.missed == 0 && summary.hp.completed == 1)
        #expect(bench.device.launches.entries.count == 1)
    }

    @Test("a cancelled job whose stage runs ends with that stage, and a last stage completes it")
    func cancelRunning() async throws {
        let bench = try Bench([Bench.task(stages: 2)])
        let outcome = bench.start()
        let first = try bench.submit(number: 0)
        bench.executor.cancel(first)
        #expect(bench.answers.entries.isEmpty)
        await bench.device.endLaunch(1)
        #expect(await bench.answers.first(1)[0].answer.ending == Ending(fate: .dropped, reason: .cancelled))

        let second = try bench.submit(number: 1)
        await bench.device.endLaunch(2)
        bench.executor.cancel(second)
        await bench.device.endLaunch(3)
        #expect(await bench.answers.first(2)[1].answer.outputs != nil)
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test("cancelling a job that has ended, or never was, does nothing")
    func cancelAfterTheEnd() async throws {
        let bench = try Bench([Bench.task()])
        let outcome = bench.start()
        let job = try bench.submit()
        await bench.device.endLaunch(1)
        bench.executor.cancel(job)
        bench.executor.cancel(JobID(task: 0, sequence: 99))
        bench.executor.cancel(JobID(task: 7, sequence: 0))
        bench.executor.cancel(JobID(task: -1, sequence: 0))
        bench.executor.interrupt()
        let summary = await outcome.value.summary
        #expect(summary.jobs.completed == 1 && summary.jobs.dropped == 0)
        #expect(bench.answers.entries.count == 1)
        bench.executor.cancel(job)
    }

    @Test("cancelling the Swift task cancels its job")
    func taskCancellation() async throws {
        let bench = try Bench([Bench.task("long"), Bench.task("waits")])
        let outcome = bench.start()
        try bench.submit(task: 0)
        let executor = bench.executor
        let waiting = Task { try await executor.submit(task: 1, inputs: [[0, 0, 0, 0]]) }
        while executor.snapshot().hp.counts.released < 2 { await Task.yield() }
        waiting.cancel()
        let answer = try await waiting.answer()
        #expect(answer.ending == Ending(fate: .dropped, reason: .cancelled))
        await bench.device.endLaunch(1)
        bench.executor.interrupt()
        #expect(await outcome.value.summary.hp.cancelled == 1)
    }

    @Test("a Swift task cancelled beforehand releases no job")
    func taskCancelledBefore() async throws {
        let bench = try Bench([Bench.task()])
        let outcome = bench.start()
        let executor = bench.executor
        let waiting = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await executor.submit(task: 0, inputs: [[0, 0, 0, 0]])
        }
        waiting.cancel()
        let answer = try await waiting.answer()
        #expect(answer.ending == Ending(fate: .dropped, reason: .cancelled))
        #expect(bench.device.launches.entries.isEmpty)
        bench.executor.interrupt()
        #expect(await outcome.value.summary.jobs.released == 0)
    }

    @Test("what cannot be submitted is refused with a reason")
    func refused() async throws {
        let bench = try Bench(
            [Bench.task("mine"), Bench.task("clock")],
            arrivals: [.sporadic, .clock(.every(Bench.endless, from: Bench.endless))],
            device: ManualDevice(lanes: 1, inputSizes: [.bytes(4), .bytes(2)]))
        let good: [[UInt8]] = [[0, 0, 0, 0], [0, 0]]
        func refusal(_ task: Int, _ inputs: [[UInt8]]) -> String {
            do throws(SubmissionError) {
                try bench.submit(task: task, inputs: inputs)
                return "nothing was wrong"
            } catch {
                return error.description
            }
        }
        #expect(refusal(0, good).contains("not running"))
        let outcome = bench.start()
        #expect(refusal(2, good) == "there is no task '2'")
        #expect(refusal(-1, good) == "there is no task '-1'")
        #expect(refusal(1, good).contains("'clock' releases its own jobs"))
        #expect(refusal(0, [[0, 0, 0, 0]]) == "task 'mine' takes 2 inputs, not 1")
        #expect(refusal(0, [[0, 0, 0, 0], [0]]) == "input 1 of task 'mine' has 2 bytes, not 1")
        bench.executor.interrupt()
        #expect(refusal(0, good).contains("not running"))
        #expect(await outcome.value.summary.jobs.released == 0)
        #expect(refusal(0, good).contains("not running"))
        #expect(bench.answers.entries.isEmpty)
    }

    @Test("jobs whose submitters have not been told yet count towards the limit")
    func submissionLimit() async throws {
        var options = Executor<ManualDevice>.Options()
        options.submissionLimit = 2
        let bench = try Bench([Bench.task()], options: options)
        let outcome = bench.start()
        let gate = Semaphore()
        let isTelling = Journal<Void>()
        // The first is told slowly, so the outcome of the next two, skipped at once, waits behind it.
        try bench.submit()
        let tellSlowly: @Sendable (Bench.Answer) -> Void = { _ in
            isTelling.append(())
            gate.wait()
        }
        try bench.executor.submit(task: 0, inputs: [[0, 0, 0, 0]], completion: tellSlowly)
        _ = await isTelling.first(1)
        try bench.submit(number: 1)
        #expect(throws: SubmissionError.self) { () throws -> Void in try bench.submit(number: 2) }
        gate.post()
        _ = await bench.answers.first(1)
        try bench.submit(number: 3)
        await bench.device.endLaunch(1)
        _ = await bench.answers.first(3)
        bench.executor.interrupt()
        #expect(await outcome.value.summary.jobs.released == 4)
    }

    @Test("whoever is told may submit again, even at the limit")
    func submitFromCompletion() async throws {
        var options = Executor<ManualDevice>.Options()
        options.submissionLimit = 1
        let bench = try Bench([Bench.task()], options: options)
        let outcome = bench.start()
        let again = Journal<Result<JobID, SubmissionError>>()
        try bench.executor.submit(task: 0, inputs: [[0, 0, 0, 0]]) { _ in
            again.append(Result { () throws(SubmissionError) in try bench.submit(number: 1) })
        }
        await bench.device.endLaunch(1)
        _ = try await again.first(1)[0].get()
        await bench.device.endLaunch(2)
        _ = await bench.answers.first(1)
        bench.executor.interrupt()
        _ = await outcome.value
    }
}

extension Task where Success == [[UInt8]], Failure == any Error {
    /// The result, whose error must be one of a submission.
    fileprivate func answer() async throws -> Result<[[UInt8]], SubmissionError> {
        switch await result {
        case .success(let outputs): .success(outputs)
        case .failure(let error): .failure(try #require(error as? SubmissionError))
        }
    }
}
