/// The steps that a check of some minutes runs, with the time of each.
///
/// ```swift
/// let plan = CheckPlan(seconds: 240)
/// print(plan.steps)    // the three questions, batching alone, and what is short
/// ```
///
/// In their order the steps get all the time that they need, or what is left, as long as that is worth beginning with. A later,
/// shorter step may fit where an earlier one does not. A rehearsal has every step, in proportion.
package struct CheckPlan: Hashable, Sendable {
    /// The steps that run, in order.
    package let steps: [CheckStep]
    /// The steps that the time does not hold, in order. They run if the others leave them enough.
    package let leftOut: [CheckStep]
    private let seconds: [CheckStep: Double]

    /// A plan.
    ///
    /// - Parameters:
    ///   - seconds: the time of the whole check; above 0.
    ///   - isRehearsal: whether it only tries the steps out, on a CPU.
    package init(seconds total: Double, isRehearsal: Bool = false) {
        var steps: [CheckStep] = []
        var leftOut: [CheckStep] = []
        var seconds: [CheckStep: Double] = [:]
        var left = total
        for step in CheckStep.allCases {
            let need = step.need
            // Even a check of seconds measures something.
            let isFirst = step == .facts || step == .loops
            guard isRehearsal || isFirst || left >= need.least else {
                leftOut.append(step)
                continue
            }
            steps.append(step)
            seconds[step] = isRehearsal ? need.full : max(min(need.full, left), 1e-3)
            left -= seconds[step] ?? 0
        }
        self.steps = steps
        self.leftOut = leftOut
        self.seconds = seconds
    }

    /// The time of a step relative to the others'; in seconds, if the check has no more than it needs.
    package func share(of step: CheckStep) -> Double { seconds[step] ?? 0 }
}
