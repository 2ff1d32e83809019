import DarisCore
import Synchronization
import Testing

@testable import DarisRuntime

/// What a timer called, in order.
private enum Call: Equatable, Sendable {
    case release(Int, Nanoseconds)
    case wake
    case end
}

@Suite("The release timer", .timeLimit(.minutes(15)))
struct ReleaseTimerTests {
    private static let hour = Nanoseconds.seconds(Int64(3_600))
    private let calls = Journal<Call>()

    private func start(
        _ tasks: [ReleaseTimer.Source], until: Nanoseconds, wakes: @escaping @Sendable () -> Void = {}
    ) -> ReleaseTimer {
        let timer = ReleaseTimer(tasks, until: until, clock: MonotonicClock())
        let calls = calls
        timer.start(
            fifoPriority: 0, onRelease: { calls.append(.release($0, $1)) },
            onWake: {
                calls.append(.wake)
                wakes()
            }, onEnd: { calls.append(.end) })
        return timer
    }

    @Test("releases come in order of time at phase + k · period, without drift, up to the end and not after")
    func nominalTimes() async {
        let (a, b) = (Nanoseconds.microseconds(700), Nanoseconds.microseconds(1_000))
        let timer = start(
            [.init(task: 0, times: .every(a, from: .microseconds(50))), .init(task: 1, times: .every(b))],
            until: .milliseconds(20))
        var expected = (0..<29).map { Call.release(0, .microseconds(50 + 700 * Int64($0))) }
        expected += (0..<20).map { Call.release(1, .microseconds(1_000 * Int64($0))) }
        let sorted = expected.sorted { x, y in
            guard case .release(let xTask, let xTime) = x, case .release(let yTask, let yTime) = y else { return false }
            return (xTime, xTask) < (yTime, yTask)
        }
        #expect(await calls.first(50) == sorted + [.end])
        await onThread { timer.stop() }
        #expect(calls.entries.count == 50)
    }

    @Test("releases come at the times of their sequences, whatever these are, and a sequence that ends ends alone")
    func sequences() async {
        let trace: [Nanoseconds] = [.zero, .microseconds(900), .microseconds(900), .microseconds(4_000)]
        let sequences = [
            ArrivalSequence(.trace(trace), period: .milliseconds(1), phase: .zero, seed: 0),
            ArrivalSequence(.poisson, period: .microseconds(500), phase: .zero, seed: 5),
            ArrivalSequence(.trace([]), period: .milliseconds(1), phase: .zero, seed: 0),
            ArrivalSequence(.jittered(.microseconds(300)), period: .microseconds(300), phase: .zero, seed: 6),
        ]
        let until = Nanoseconds.milliseconds(20)
        let expected = sequences.enumerated().flatMap { task, times in
            times.lazy.prefix { $0 < until }.map { (time: $0, task: task) }
        }.sorted { ($0.time, $0.task) < ($1.time, $1.task) }
        let timer = start(sequences.enumerated().map { .init(task: $0, times: $1) }, until: until)
        #expect(
            await calls.first(expected.count + 1) == expected.map { Call.release($0.task, $0.time) } + [.end])
        await onThread { timer.stop() }
    }

    @Test("releases at one time go by task")
    func ties() async {
        let timer = start(
            [2, 0, 1].map { .init(task: $0, times: .every(.milliseconds(1))) }, until: .milliseconds(3))
        let tasks = await calls.first(9).map { call in
            if case .release(let task, _) = call { task } else { -1 }
        }
        #expect(tasks == [0, 1, 2, 0, 1, 2, 0, 1, 2])
        await onThread { timer.stop() }
    }

    @Test("a timer that waits for a far release, or for nothing, stops at once")
    func stopWhileWaiting() async {
        let far = start([.init(task: 0, times: .every(Self.hour, from: Self.hour))], until: .distantFuture)
        let idle = start([], until: .distantFuture)
        await onThread {
            far.stop()
            idle.stop()
            idle.stop()
        }
        #expect(calls.entries.isEmpty)
    }

    @Test("the end comes once, at its time, even where nothing is released")
    func endWithoutReleases() async {
        let timer = start([], until: .milliseconds(1))
        #expect(await calls.first(1) == [.end])
        timer.wake(at: .zero)
        #expect(await calls.first(2) == [.end, .wake])
        await onThread { timer.stop() }
        #expect(calls.entries.count == 2)
    }

    @Test("with nothing to release, the end does not come before its time")
    func noEarlyEnd() async {
        let timer = start([], until: Self.hour)
        for count in 1...50 {
            timer.wake(at: .zero)
            _ = await calls.first(count)
        }
        await onThread { timer.stop() }
        #expect(calls.entries.allSatisfy { $0 == .wake })
    }

    @Test("once stopped from releasing, wakes go on")
    func stopReleasing() async {
        let timer = start([.init(task: 0, times: .every(.milliseconds(1)))], until: Self.hour)
        _ = await calls.first(2)
        timer.stopReleasing()
        // The thread may be calling for one more release.
        timer.wake(at: .zero)
        while calls.entries.last != .wake { await Task.yield() }
        let count = calls.entries.count
        timer.wake(at: .zero)
        #expect(await calls.first(count + 1).last == .wake)
        await onThread { timer.stop() }
    }

    @Test("an earlier wake takes the place of a later one")
    func earlierWake() async {
        let timer = start([], until: .distantFuture)
        timer.wake(at: Self.hour)
        timer.wake(at: .zero)
        #expect(await calls.first(1) == [.wake])
        await onThread { timer.stop() }
        #expect(calls.entries == [.wake])
    }

    @Test("a later wake takes the place of an earlier one")
    func laterWake() async {
        let clock = MonotonicClock()
        let timer = ReleaseTimer(
            [.init(task: 0, times: .every(Self.hour, from: .milliseconds(30)))], until: Self.hour, clock: clock)
        // Both before the timer runs, so that the earlier one cannot have come.
        timer.wake(at: .milliseconds(1))
        timer.wake(at: Self.hour)
        let calls = calls
        timer.start(
            fifoPriority: 0, onRelease: { calls.append(.release($0, $1)) }, onWake: { calls.append(.wake) },
            onEnd: { calls.append(.end) })
        #expect(await calls.first(1) == [.release(0, .milliseconds(30))])
        await onThread { timer.stop() }
        #expect(calls.entries.count == 1)
    }

    @Test("a wake may be asked for from within a wake")
    func wakeFromWake() async {
        let left = Mutex(10)
        let timer = ReleaseTimer([], until: .distantFuture, clock: MonotonicClock())
        let calls = calls
        timer.start(
            fifoPriority: 0, onRelease: { _, _ in },
            onWake: { [weak timer] in
                calls.append(.wake)
                let goesOn = left.withLock { left in
                    left -= 1
                    return left > 0
                }
                if goesOn { timer?.wake(at: .zero) }
            }, onEnd: {})
        timer.wake(at: .zero)
        #expect(await calls.first(10).count == 10)
        await onThread { timer.stop() }
    }
}
