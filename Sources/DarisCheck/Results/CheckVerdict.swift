/// What a claim comes to. Met and not met are said with a figure or not at all.
package struct CheckVerdict: Hashable, Sendable, Codable {
    /// What it can come to.
    package enum State: String, Hashable, Sendable, Codable {
        /// It was measured and holds.
        case met
        /// It was measured and does not hold.
        case notMet = "not met"
        /// It was not measured, or not as far as the claim goes.
        case notMeasured = "not measured"
    }

    /// The claim.
    package var claim: String
    /// What it comes to.
    package var state: State
    /// What was measured.
    package var figure: String

    /// A verdict.
    package init(claim: String, state: State, figure: String) {
        self.claim = claim
        self.state = state
        self.figure = figure
    }
}
