import DarisCore

/// The time that a check may take, shared out over its steps. What a step leaves over goes to those after it; what it
/// takes too much, it takes from them.
///
/// ```swift
/// let budget = Budget(total: .seconds(480), start: clock.now)
/// let deadline = budget.deadline(of: .batching, at: clock.now)
/// ```
package struct Budget: Hashable, Sendable {
    /// All of it.
    package let total: Nanoseconds
    /// When the check began.
    package let start: Nanoseconds

    /// A budget that runs from `start`.
    package init(total: Nanoseconds, start: Nanoseconds) {
        precondition(total > .zero, "a check needs time")
        self.total = total
        self.start = start
    }

    /// When all of it is used up.
    package var end: Nanoseconds { start + total }

    /// What is left of it; zero once it is used up.
    package func remaining(at now: Nanoseconds) -> Nanoseconds { max(.zero, end - now) }

    /// When a step that begins now must take no new measurements: it has its share of what is left, beside the steps
    /// after it.
    package func deadline(of step: CheckStep, at now: Nanoseconds) -> Nanoseconds {
        let steps = CheckStep.allCases.drop { $0 != step }
        let shares = steps.reduce(0) { $0 + $1.share }
        return now + .seconds(remaining(at: now).inSeconds * step.share / shares)
    }
}
