import DarisCore
import Dispatch
import Synchronization

/// The time of a check, shared among its steps. Time that a step does not use goes to the later ones; time that it
/// overruns is taken from them.
///
/// ```swift
/// let budget = Budget(total: .seconds(480), start: clock.now, plan: CheckPlan(seconds: 480))
/// let deadline = budget.deadline(of: .batching, at: clock.now)
/// ```
package struct Budget: Hashable, Sendable {
    /// The time of the whole check.
    package let total: Nanoseconds
    /// The start of the check.
    package let start: Nanoseconds
    private let plan: CheckPlan

    /// A budget that runs from `start`.
    package init(total: Nanoseconds, start: Nanoseconds, plan: CheckPlan) {
        precondition(total > .zero, "a check needs time")
        self.plan = plan
        self.total = total
        self.start = start
    }

    /// The end of the check.
    package var end: Nanoseconds { start + total }

    /// The time left; zero after the end.
    package func remaining(at now: Nanoseconds) -> Nanoseconds { max(.zero, end - now) }

    /// The time after which a step that begins now must begin no measurement, by its share of the time left. A step that the
    /// plan leaves out runs after the others, and may use all that they left.
    package func deadline(of step: CheckStep, at now: Nanoseconds) -> Nanoseconds {
        let later = plan.steps.drop { $0 != step }
        guard !later.isEmpty else { return now + remaining(at: now) }
        let shares = later.reduce(0) { $0 + plan.share(of: $1) }
        return now + .seconds(remaining(at: now).inSeconds * plan.share(of: step) / shares)
    }
}

/// A way to end a check from another thread: the current measurement is interrupted if possible, and no other begins.
package final class CheckInterruption: Sendable {
    private struct State {
        var isSet = false
        var stop: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// An interruption that is not set.
    package init() {}

    /// Whether the check must end.
    package var isSet: Bool { state.withLock(\.isSet) }

    /// Ends the check. May be called more than once.
    package func set() {
        let stop = state.withLock { state in
            state.isSet = true
            return state.stop
        }
        stop?()
    }

    /// Runs `body`. Calls `stop` if the interruption is set meanwhile, or was set before.
    func during<Result>(_ body: () throws -> Result, stop: @escaping @Sendable () -> Void) rethrows -> Result {
        let isSet = state.withLock { state in
            state.stop = stop
            return state.isSet
        }
        if isSet { stop() }
        defer { state.withLock { $0.stop = nil } }
        return try body()
    }
}

/// A time limit for a check whose calls of the driver or of other programs never return.
///
/// ```swift
/// let watchdog = CheckWatchdog(limit: .seconds(540)) { _exit(1) }
/// defer { watchdog.end() }
/// ```
package struct CheckWatchdog {
    private let timer: any DispatchSourceTimer

    /// Calls `onTimeout` on a thread of its own after `limit`.
    package init(limit: Nanoseconds, onTimeout: @escaping @Sendable () -> Void) {
        timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "daris-watchdog"))
        timer.schedule(deadline: .now() + limit.inSeconds)
        timer.setEventHandler(handler: onTimeout)
        timer.resume()
    }

    /// Ends the watchdog: it calls nothing any more.
    package func end() { timer.cancel() }
}
