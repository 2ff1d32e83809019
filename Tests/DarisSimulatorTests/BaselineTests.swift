import DarisCore
import Testing

@testable import DarisSimulator

/// A device on which a batch takes 2 ms and 1 ms a job, whatever runs beside it; it keeps what was started.
private struct PlainDevice: VirtualDevice {
    final class Log: @unchecked Sendable {
        var starts: [(model: Int, jobs: Int, lane: Int)] = []
        var mostAtOnce = 0
    }

    let log: Log
    private var ends: [(lane: Int, start: Nanoseconds, end: Nanoseconds)] = []

    init(_ log: Log) { self.log = log }

    mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds) {
        #expect(stage == 0 && !ends.contains { $0.lane == lane })
        log.starts.append((task, jobs, lane))
        ends.append((lane, now, now + .milliseconds(Int64(2 + jobs))))
        log.mostAtOnce = max(log.mostAtOnce, ends.count)
    }

    mutating func abandon(lane: Int, at now: Nanoseconds) { ends.removeAll { $0.lane == lane } }
    mutating func nextEvent() -> Nanoseconds? { ends.map(\.end).min() }

    mutating func advance(to now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)? {
        guard let place = ends.firstIndex(where: { $0.end <= now }) else { return nil }
        let end = ends.remove(at: place)
        return (end.lane, end.end - end.start)
    }
}

@Suite("Baselines")
struct BaselineTests {
    private func tasks(_ count: Int, every period: Int64, overrun: OverrunRule = .queue(limit: 1))
        -> [TaskSpecification]
    {
        (0..<count).map {
            TaskSpecification(
                name: "t\($0)", period: .milliseconds(period), priority: $0 % 3 == 0 ? .high : .low, overrun: overrun,
                afet: [])
        }
    }

    private func problem(_ log: PlainDevice.Log, _ tasks: [TaskSpecification], models: Int = 1) -> BaselineProblem<
        PlainDevice
    > {
        BaselineProblem(tasks: tasks, models: tasks.indices.map { $0 % models }) { _, _ in PlainDevice(log) }
    }

    @Test("batching (paper) runs one batch at a time, of at most 10 jobs")
    func paperBatching() throws {
        let log = PlainDevice.Log()
        // 40 jobs every 30 ms; batches of 10 take 12 ms.
        let result = try problem(log, tasks(40, every: 30)).paperBatching(duration: .seconds(Int64(1)), seed: 3)
        #expect(log.mostAtOnce == 1)
        #expect(log.starts.map(\.jobs).max() == 10)
        #expect(abs(result.jps - 10 / 0.012) < 10)
        #expect(result.hp.dmr > 0.9)
    }

    @Test("every job of a run is accounted for, and what was started is what ended")
    func accounts() throws {
        let log = PlainDevice.Log()
        let result = try problem(log, tasks(40, every: 30)).batching(
            limit: 16, lanes: 2, duration: .seconds(Int64(1)), seed: 1)
        for group in [result.hp, result.lp] {
            #expect(group.released == group.completed + group.skipped && group.inFlight == 0)
        }
        #expect(log.starts.reduce(0) { $0 + $1.jobs } == result.hp.completed + result.lp.completed)
        #expect(log.mostAtOnce == 2)
    }

    @Test("a release beside the job of its task waits or is skipped by the task's overrun")
    func overrun() throws {
        // A job alone takes 3 ms, every 2 ms.
        let skipping = try problem(PlainDevice.Log(), tasks(1, every: 2, overrun: .skip)).batching(
            limit: 1, lanes: 1, duration: .milliseconds(100), seed: 1)
        #expect(skipping.hp.skipped > 20 && skipping.hp.responseMs.max == 3)
        let queueing = try problem(PlainDevice.Log(), tasks(1, every: 2)).batching(
            limit: 1, lanes: 1, duration: .milliseconds(100), seed: 1)
        #expect(queueing.hp.skipped < skipping.hp.skipped && queueing.hp.responseMs.max > 3)
    }

    @Test("GSLICE keeps each model on its own partition, and its batches within half of the objective")
    func gslice() throws {
        let log = PlainDevice.Log()
        // Half of 60 ms leaves room for 28 jobs.
        let problem = problem(log, tasks(160, every: 60), models: 2)
        _ = try problem.gslice(shares: [0.5, 0.5], duration: .seconds(Int64(4)), seed: 1)
        #expect(log.starts.allSatisfy { $0.model == $0.lane })
        #expect(log.starts[0].jobs == 1)
        // The last ones drain what is left.
        let settled = log.starts[(log.starts.count / 2)...].prefix(20)
        #expect(settled.allSatisfy { (20...29).contains($0.jobs) })
    }

    @Test("GSLICE does not oversubscribe, and leaves what is beyond the knee to others")
    func shares() throws {
        let gpu = try GPUCatalogue.device("rtx2080ti")
        let (_, mixed, _) = PaperTaskSet.mixed(on: gpu)
        let shares = BaselineProblem(mixed, on: gpu).sharesOfGSLICE(seed: 1)
        #expect(shares.count == 3 && shares.allSatisfy { $0 > 0 } && shares.reduce(0, +) <= 1 + 1e-9)
        // U-Net fills 42 of 68 SMs, and its demand is met with less.
        var light = PaperTaskSet.allCases[1].tasks(on: gpu)
        light.removeLast(12)
        let lone = BaselineProblem(light, on: gpu).sharesOfGSLICE(seed: 1)
        #expect(lone.count == 1 && lone[0] < 0.65)
    }

    @Test("the same seed gives the same figures")
    func repeatable() throws {
        let gpu = try GPUCatalogue.device("rtx2080ti")
        let problem = BaselineProblem(PaperTaskSet.allCases[0].tasks(on: gpu), on: gpu)
        func figures() throws -> [RunSummary.Group] {
            let result = try problem.gslice(shares: [1], duration: .milliseconds(500), seed: 7)
            return [result.hp, result.lp]
        }
        #expect(try figures() == figures())
    }

    @Test(
        "on the 2080 Ti batching (paper) makes what was published, and DARIS 11.5 % more than GSLICE, within 5 points")
    func comparison() throws {
        let gpu = try GPUCatalogue.device("rtx2080ti")
        let taskSet = PaperTaskSet.allCases[0]
        let problem = BaselineProblem(taskSet.tasks(on: gpu), on: gpu)
        let published = try #require(
            PublishedTable.rtx2080ti.batching.first { $0.network == "resnet18" && $0.batch == 10 })
        let batching = try problem.paperBatching(duration: .seconds(Int64(3)), seed: 1)
        #expect(abs(batching.jps / published.jps - 1) < 0.05)
        let gslice = try problem.gslice(
            shares: problem.sharesOfGSLICE(seed: 1), duration: .seconds(Int64(3)), seed: 1)
        let entry = Comparison.paper(
            taskSet.tasks(on: gpu), on: gpu, partition: PublishedAblation.partition, taskSet: "resnet18",
            device: "rtx2080ti")
        let daris = try Comparison.rows([entry], seeds: 1)[0]
        #expect(abs(daris.jps / gslice.jps - 1.115) < 0.05)
    }

    @Test("batching (strict) is at least as good as batching (paper)")
    func strict() throws {
        let log = PlainDevice.Log()
        let problem = problem(log, tasks(40, every: 30))
        let best = try problem.bestBatching(duration: .milliseconds(300), seed: 1)
        let strict = try problem.batching(limit: best.limit, lanes: best.lanes, duration: .milliseconds(300), seed: 1)
        #expect(try strict.jps >= problem.paperBatching(duration: .milliseconds(300), seed: 1).jps)
        #expect(best.lanes > 1)
    }

    @Test("a tail makes a share of the stages longer, and leaves the others as they are")
    func tails() {
        var plain = NoiseSource(sigma: 0.1, seed: 1)
        var tailed = NoiseSource(sigma: 0.1, seed: 1, tailShare: 0.02, tailFactor: 4)
        let factors = (0..<10_000).map { _ in tailed.next() / plain.next() }
        #expect(factors.allSatisfy { abs($0 - 1) < 1e-9 || abs($0 - 4) < 1e-9 })
        #expect((150...250).contains(factors.count { $0 > 2 }))
    }
}
