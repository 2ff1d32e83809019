import DarisCore
import Synchronization
import Testing

@testable import DarisRuntime

@Suite("Under stress", .timeLimit(.minutes(15)))
struct ExecutorStressTests {
    private static let submitters = 4
    private static let submissions = 2_500

    @Test(
        "every job of 10,000 from four threads, some cancelled and some failing, ends once and its submitter hears of it once"
    )
    func everyJobEndsOnce() async throws {
        let tasks = (0..<12).map { index in
            TaskSpecification(
                name: "task-\(index)", period: .milliseconds(1 + Int64(index)), priority: index % 3 == 0 ? .high : .low,
                lateness: index % 4 == 1 ? .drop : .run, overrun: index % 2 == 0 ? .skip : .queue(limit: 8),
                afet: [Nanoseconds](repeating: .microseconds(20), count: 1 + index % 4))
        }
        let device = ThreadedDevice(lanes: 4) { job, stage in (job.sequence &* 31 &+ stage) % 17 == 0 }
        let executor = Executor(
            try SchedulerConfiguration(
                partition: Partition(contexts: 2, streams: 2, oversubscription: 1), tasks: tasks),
            device: device,
            arrivals: tasks.indices.map { $0 < 10 ? .sporadic : .clock(.every(tasks[$0].period)) },
            duration: Bench.endless)
        executor.start()

        let calls = (0..<Self.submitters * Self.submissions).map { _ in Call() }
        let accepted = Journal<Int>()
        let threads = (0..<Self.submitters).map { thread in
            DedicatedThread.required(.init(name: "submit")) {
                var generator = SplitMix64(seed: UInt64(thread))
                var jobs: [JobID] = []
                for number in thread * Self.submissions..<(thread + 1) * Self.submissions {
                    let task = Int(generator.next() % 10)
                    let call = calls[number]
                    do {
                        jobs.append(
                            try executor.submit(
                                task: task, inputs: [[0]],
                                relativeDeadline: .microseconds(Int64(generator.next() % 3_000))
                            ) { _ in call.count.add(1, ordering: .relaxed) })
                    } catch {
                        Issue.record("a job was refused: \(error)")
                    }
                    if generator.next() % 4 == 0 { executor.cancel(jobs[Int(generator.next() % UInt64(jobs.count))]) }
                }
                accepted.append(jobs.count)
            }
        }
        await onThread { for thread in threads { thread.join() } }
        executor.interrupt()
        let outcome = await onThread { executor.waitForEnd() }
        await onThread { device.shutDown() }

        let counts = outcome.summary.jobs
        #expect(counts.isBalanced && counts.inFlight == 0)
        #expect(accepted.entries.reduce(0, +) == calls.count)
        #expect(calls.allSatisfy { $0.count.load(ordering: .relaxed) == 1 })
        #expect(counts.released >= calls.count)
        #expect(executor.untold.load(ordering: .relaxed) == 0)
        #expect(executor.state.withLock { $0.submissions.isEmpty })
        #expect(outcome.errors.reduce(0) { $0 + $1.count } == counts.failed)
        let violation = executor.state.withLock { $0.scheduler.invariantViolation() }
        #expect(violation == nil)
    }

    private final class Call: Sendable {
        let count = Atomic<Int>(0)
    }

    @Test("many short runs on one device start and end cleanly, interrupted from another thread")
    func manyRuns() async throws {
        let device = ThreadedDevice(lanes: 2) { job, _ in job.sequence % 5 == 4 }
        let tasks = (0..<4).map { Bench.task("task-\($0)", stages: 2, period: .microseconds(50)) }
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 2, oversubscription: 1), tasks: tasks)
        for _ in 0..<50 {
            let executor = Executor(
                configuration, device: device, arrivals: tasks.map { .clock(.every($0.period)) },
                duration: Bench.endless)
            let outcome = Task { await onThread { executor.run() } }
            while executor.snapshot().hp.counts.completed < 20 { await Task.yield() }
            await onThread { executor.interrupt() }
            let counts = await outcome.value.summary.jobs
            #expect(counts.isBalanced && counts.inFlight == 0 && counts.completed >= 20)
        }
        await onThread { device.shutDown() }
    }
}
