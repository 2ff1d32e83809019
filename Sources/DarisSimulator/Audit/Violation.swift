import DarisCore

/// Something a scheduler did that it must never do, found by an `Auditor`.
package struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a finished run must always satisfy, numbered as in the design; batching and express lanes are beyond it.
    package enum Invariant: Int, Hashable, Sendable, Codable, CaseIterable {
        /// Released = rejected + skipped + completed + dropped + failed + in flight: every job gets the one fate that the
        /// rules give it, at once and only once.
        case jobFates = 1
        /// A lane runs at most one stage; a job's stages run in order, each once, on its context.
        case stageOrder = 2
        /// No ready stage of its context outranks the one that is started, and no lane idles beside a ready stage.
        case dispatchOrder = 3
        /// LP jobs are admitted, moved and rejected by the inequality alone; HP jobs are never rejected.
        case admission = 4
        /// Every MRET is the maximum of the last w_s samples.
        case executionTimes = 5
        /// Same seed and input, same trace. It takes two runs to see, so no `Auditor` reports it.
        case sameTrace = 6
        /// A failing stage or a lost context hurts only the jobs it touches, and each gets the reason.
        case containment = 7
        /// Jobs run together only by the rule of batching: one group and stage, a measured size, and each within its bound.
        case batching = 8
        /// HP stages alone run on express lanes, while no ordinary lane is free, and at most N_s of a context at once.
        case expressLanes = 9
    }

    /// Which invariant does not hold.
    package let invariant: Invariant
    /// The time of the event at which it was broken.
    package let time: Nanoseconds
    /// What happened and what would have been right.
    package let sentence: String

    /// Invariant, time and sentence.
    package var description: String { "invariant \(invariant.rawValue), at \(time.rawValue) ns: \(sentence)" }
}
