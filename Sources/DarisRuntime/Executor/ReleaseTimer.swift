import CDarisSystem
import DarisCore
import Glibc
import HeapModule

/// One thread that sleeps until the next release or the time the scheduler asked to be woken at, to the absolute
/// instant on the monotonic clock, so that no error adds up.
final class ReleaseTimer: @unchecked Sendable {
    // Unchecked: everything that changes is touched under `mutex` alone.

    /// The releases of a task.
    struct Source: Sendable {
        var task: Int
        var times: ArrivalSequence
    }

    private struct Release: Comparable {
        var time: Nanoseconds
        var task: Int
        /// The index of the source, which has the times after this one.
        var source: Int
        static func < (a: Release, b: Release) -> Bool {
            a.time != b.time ? a.time < b.time : a.task < b.task
        }
    }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let clock: MonotonicClock
    private var sources: [Source]
    /// The next release of each source that has one.
    private var releases: Heap<Release>
    private let until: Nanoseconds
    private let processors: [Int]
    private let giveUp: Nanoseconds
    private var wakeTime = Nanoseconds.distantFuture
    private var isStopped = false
    private var thread: DedicatedThread?

    /// A timer that releases jobs until `until`, not started yet.
    ///
    /// - Parameter processors: those that its thread may run on; empty for any.
    init(_ sources: [Source], until: Nanoseconds, clock: MonotonicClock, processors: [Int] = []) {
        self.processors = processors
        pthread_mutex_init(mutex, nil)
        _ = daris_condition_init(condition)
        var sources = sources
        releases = Heap(
            sources.indices.compactMap { index in
                let task = sources[index].task
                return sources[index].times.next().map { Release(time: $0, task: task, source: index) }
            })
        self.sources = sources
        self.until = until
        giveUp = until < .distantFuture ? until + .seconds(Int64(1)) : .distantFuture
        self.clock = clock
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Starts the thread, which calls `onRelease` with task and nominal time, `onWake` when the scheduler's time has
    /// come, and `onEnd` once at `until`.
    func start(
        fifoPriority: Int, onRelease: @escaping @Sendable (Int, Nanoseconds) -> Void,
        onWake: @escaping @Sendable () -> Void, onEnd: @escaping @Sendable () -> Void
    ) {
        let attributes = DedicatedThread.Attributes(
            name: "daris-timer", processors: processors, fifoPriority: fifoPriority, slice: .microseconds(100))
        thread = DedicatedThread.required(attributes) {
            self.run(onRelease: onRelease, onWake: onWake, onEnd: onEnd)
        }
    }

    /// Sets the time at which to call `onWake`; replaces the one before.
    func wake(at time: Nanoseconds) {
        pthread_mutex_lock(mutex)
        let isEarlier = time < wakeTime
        wakeTime = time
        if isEarlier { pthread_cond_signal(condition) }
        pthread_mutex_unlock(mutex)
    }

    /// Releases nothing more; wakes go on.
    func stopReleasing() {
        pthread_mutex_lock(mutex)
        releases.removeAll { _ in true }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Ends the thread and waits for it.
    func stop() {
        pthread_mutex_lock(mutex)
        isStopped = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
        thread?.join()
    }

    private enum Due {
        case release(Int, Nanoseconds)
        case wake
        case end
        case stop
    }

    private func run(
        onRelease: (Int, Nanoseconds) -> Void, onWake: () -> Void, onEnd: () -> Void
    ) {
        var hasEnded = false
        while true {
            switch waitForNext(hasEnded: hasEnded) {
            case .release(let task, let time): onRelease(task, time)
            case .wake: onWake()
            case .end:
                hasEnded = true
                onEnd()
            case .stop: return
            }
        }
    }

    private func waitForNext(hasEnded: Bool) -> Due {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isStopped {
            let now = clock.now
            // A timer that cannot keep up still ends: releases more than a second behind at the end are left out.
            if now >= giveUp && !hasEnded { return .end }
            if let next = releases.min, next.time < until, next.time <= now, next.time < wakeTime {
                if let following = sources[next.source].times.next() {
                    releases.replaceMin(with: Release(time: following, task: next.task, source: next.source))
                } else {
                    releases.removeMin()
                }
                return .release(next.task, next.time)
            }
            if wakeTime <= now {
                wakeTime = .distantFuture
                return .wake
            }
            let next = releases.min?.time ?? .distantFuture
            if now >= until && !hasEnded { return .end }
            let sleepUntil = min(wakeTime, hasEnded ? .distantFuture : min(next, until))
            _ = daris_condition_wait_until(condition, mutex, clock.systemNanoseconds(sleepUntil))
        }
        return .stop
    }
}
