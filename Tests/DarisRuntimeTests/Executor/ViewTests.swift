import DarisCore
import Testing

@testable import DarisRuntime

@Suite("What watchers see", .timeLimit(.minutes(15)))
struct ViewTests {
    /// The first look that a condition holds of: one is taken ten times a second at most.
    private func view(
        _ executor: Executor<ManualDevice>, where condition: (SystemView) -> Bool = { _ in true }
    ) async throws -> SystemView {
        while true {
            let view = executor.view()
            if condition(view) { return view }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test("a lane shows the stage that runs there, since when, and its MRET")
    func lanes() async throws {
        let bench = try Bench(
            [Bench.task("a", stages: 2), Bench.task("b", .low, deadline: .seconds(Int64(9)))], contexts: 2)
        let outcome = bench.start()
        try bench.submit(task: 0)
        let first = await bench.device.launches.first(1)[0]
        let running = try await view(bench.executor) { $0.lanes[first.lane].stage != nil }
        let stage = try #require(running.lanes[first.lane].stage)
        #expect(stage.job == JobID(task: 0, sequence: 0) && stage.stage == 0 && stage.jobs == 1)
        #expect(stage.mret == .milliseconds(1) && stage.start > .zero && stage.start <= running.time)
        #expect(running.lanes[1 - first.lane].stage == nil && running.stagesEnded == 0)

        bench.device.end(first, time: .milliseconds(7))
        let second = await bench.device.launches.first(2)[1]
        let later = try await view(bench.executor) { $0.stagesEnded == 1 }
        #expect(later.lanes[second.lane].stage?.stage == 1)
        #expect(later.lanes[second.lane].stage.map { $0.start >= stage.start } == true)
        #expect(later.stageMRET == [.milliseconds(7), .milliseconds(1), .milliseconds(1)])
        #expect(later.tasks[0].mret == .milliseconds(8) && later.lanes[first.lane].busy == .milliseconds(7))
        let run = try #require(later.recent.first)
        #expect(run.lane == first.lane && run.task == 0 && run.sequence == 0 && run.stage == 0 && run.jobs == 1)
        #expect(run.executionTime == .milliseconds(7) && run.end <= later.time)

        bench.device.end(second)
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test("a context shows what admission counts, and what it leaves")
    func contexts() async throws {
        let second = Nanoseconds.seconds(Int64(1))
        let bench = try Bench(
            [
                Bench.task("high", period: second, afet: .milliseconds(250)),
                Bench.task("low", .low, period: second, afet: .milliseconds(500)),
                Bench.task("more", .low, period: second, afet: .milliseconds(500)),
            ])
        let outcome = bench.start()
        #expect(bench.executor.view().contexts[0].headroom == Utilisation(750_000_000))
        for task in 0..<3 { try bench.submit(task: task, number: task) }
        let view = try await view(bench.executor) { $0.contexts[0].readyStages == 1 }
        let context = view.contexts[0]
        #expect(context.capacity == .lanes(1) && context.admission.highPriority == Utilisation(250_000_000))
        #expect(context.admission.activeLowPriority == Utilisation(500_000_000))
        #expect(context.headroom == Utilisation(250_000_000) && context.admission.isAlive)
        // The third did not fit.
        #expect(view.low.counts.rejected == 1 && view.low.acceptance == 0.5 && view.high.acceptance == 1)
        #expect(view.tasks.map(\.jobs.counts.inFlight) == [1, 1, 0])

        bench.device.change(.lost(0, DeviceError("gone")))
        let lost = try await self.view(bench.executor) { !$0.contexts[0].admission.isAlive }
        #expect(lost.contexts[0].headroom == .zero && lost.contexts[0].losses == 1)
        #expect(lost.tasks[0].jobs.counts.failed == 1 && lost.tasks[0].jobs.missed == 1 && lost.tasks[0].jobs.dmr == 1)
        bench.device.end(await bench.device.launches.first(1)[0], error: "gone")
        bench.executor.interrupt()
        _ = await outcome.value
    }

    @Test("figures of tasks and priorities are those that the run's summary ends with")
    func figures() async throws {
        let bench = try Bench([Bench.task("a"), Bench.task("b", .low)])
        let outcome = bench.start()
        for count in 1...6 {
            try bench.submit(task: count % 2, number: count)
            await bench.device.endLaunch(count, error: count == 3 ? "broken" : nil)
        }
        _ = await bench.answers.first(6)
        let view = try await view(bench.executor) { $0.high.counts.released + $0.low.counts.released == 6 }
        bench.executor.interrupt()
        let summary = await outcome.value.summary
        for (jobs, group) in [(view.high, summary.hp), (view.low, summary.lp)] {
            #expect(jobs.counts.released == group.released && jobs.counts.completed == group.completed)
            #expect(jobs.counts.failed == group.failed && jobs.missed == group.missed && jobs.dmr == group.dmr)
            #expect(jobs.acceptance == group.acceptance && jobs.response.count == group.responseMs.count)
        }
        #expect(view.tasks[0].jobs.stages.count == 3 && view.tasks[1].jobs.stages.count == 2)
        #expect(view.decisions.count > 0 && view.high.counts.isBalanced && view.low.counts.isBalanced)
    }

    @Test("however many ask, a look is taken ten times a second")
    func cache() async throws {
        let bench = try Bench([Bench.task()])
        let start = bench.executor.now
        var times: Set<Nanoseconds> = []
        for _ in 0..<10_000 { times.insert(bench.executor.view().time) }
        let elapsed = bench.executor.now - start
        #expect(times.count <= Int(elapsed.rawValue / 100_000_000) + 1)
    }

    @Test("of the stages that ended, the last 512 are kept, in order")
    func recentStages() {
        var recent = RecentStages()
        for number in 0..<1_300 {
            recent.append(
                StageRun(
                    lane: 0, job: JobID(task: 0, sequence: number), stage: 0, jobs: 1, end: .zero, executionTime: .zero)
            )
            var copy: [StageRun] = []
            recent.copy(into: &copy)
            let first = max(0, number + 1 - RecentStages.limit)
            guard copy.map(\.sequence) == Array(first...number) else {
                Issue.record("after \(number + 1) stages there are \(copy.map(\.sequence))")
                return
            }
        }
        #expect(recent.total == 1_300)
    }
}
