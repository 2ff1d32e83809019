import DarisCore
import Dispatch
import Testing

@testable import DarisCheck

@Suite("The time of a check")
struct BudgetTests {
    private let plan = CheckPlan(seconds: 100, isRehearsal: true)
    private var budget: Budget { Budget(total: .seconds(Int64(100)), start: .seconds(Int64(10)), plan: plan) }

    @Test("if every step ends at its deadline, the last one ends with the budget")
    func shares() {
        var now = budget.start
        var spans: [Double] = []
        for step in CheckStep.allCases {
            let deadline = budget.deadline(of: step, at: now)
            #expect(deadline > now)
            spans.append((deadline - now).inSeconds)
            now = deadline
        }
        #expect(abs((now - budget.end).inSeconds) < 1e-6)
        let total = CheckStep.allCases.reduce(0) { $0 + plan.share(of: $1) }
        for (span, step) in zip(spans, CheckStep.allCases) {
            #expect(abs(span - 100 * plan.share(of: step) / total) < 1e-6)
        }
    }

    @Test("time that a step does not use goes to the later steps, and time that it overruns is taken from them")
    func unused() {
        let onTime = budget.deadline(of: .facts, at: budget.start)
        let usual = budget.deadline(of: .loops, at: onTime) - onTime
        let afterNone = budget.deadline(of: .loops, at: budget.start) - budget.start
        let late = onTime + .seconds(Int64(30))
        let afterMuch = budget.deadline(of: .loops, at: late) - late
        #expect(afterNone > usual && usual > afterMuch)
        #expect(budget.deadline(of: .sweep, at: late) == budget.end)
    }

    @Test("a step that the plan leaves out may use all that the others left")
    func leftOut() {
        let budget = Budget(total: .seconds(Int64(240)), start: .zero, plan: CheckPlan(seconds: 240))
        #expect(budget.deadline(of: .pytorch, at: .seconds(Int64(150))) == .seconds(Int64(240)))
    }

    @Test("after the end no step has time left")
    func usedUp() {
        let after = budget.end + .seconds(Int64(5))
        #expect(budget.remaining(at: after) == .zero)
        for step in CheckStep.allCases { #expect(budget.deadline(of: step, at: after) == after) }
        #expect(budget.remaining(at: budget.start) == .seconds(Int64(100)))
    }

    @Test("an interruption stops the running measurement, even one that begins afterwards")
    func interruption() {
        let interruption = CheckInterruption()
        final class Count: @unchecked Sendable { var value = 0 }
        let count = Count()
        interruption.during({}, stop: { count.value += 1 })
        #expect(!interruption.isSet && count.value == 0)
        interruption.during({ interruption.set() }, stop: { count.value += 1 })
        #expect(interruption.isSet && count.value == 1)
        interruption.set()
        #expect(count.value == 1)
        interruption.during({}, stop: { count.value += 1 })
        #expect(count.value == 2)
    }

    @Test("the watchdog fires after its time, and not if the check has ended before")
    func watchdog() {
        let fired = DispatchSemaphore(value: 0)
        let watchdog = CheckWatchdog(limit: .milliseconds(20)) { fired.signal() }
        #expect(fired.wait(timeout: .now() + 60) == .success)
        watchdog.end()
        let ended = CheckWatchdog(limit: .milliseconds(300)) { fired.signal() }
        ended.end()
        #expect(fired.wait(timeout: .now() + 0.5) == .timedOut)
    }
}
