/// What became of a step.
package struct StepRecord: Hashable, Sendable, Codable {
    /// How far a step got.
    package enum State: String, Hashable, Sendable, Codable {
        /// It has not begun.
        case pending
        /// All that it had to measure was measured.
        case done
        /// Its time was used up before.
        case cut
        /// It measured nothing, for the reasons in `problems`.
        case failed
        /// It makes no sense on this device.
        case skipped
        /// The check was ended.
        case interrupted
    }

    /// The step.
    package var step: CheckStep
    /// How far it got.
    package var state = State.pending
    /// How long it took.
    package var seconds = 0.0
    /// What went wrong or should be known, a sentence each.
    package var problems: [String] = []

    /// A step that has not begun.
    package init(_ step: CheckStep) { self.step = step }
}
