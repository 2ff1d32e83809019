/// What a claim comes to. Met and not met are said with a figure or not at all.
public struct CheckVerdict: Hashable, Sendable, Codable {
    /// What it can come to.
    public enum State: String, Hashable, Sendable, Codable {
        /// It was measured and holds.
        case met
        /// It was measured and does not hold.
        case notMet = "not met"
        /// It was not measured, or not as far as the claim goes.
        case notMeasured = "not measured"
    }

    /// The claim.
    public var claim: String
    /// What it comes to.
    public var state: State
    /// What was measured.
    public var figure: String

    /// A verdict.
    public init(claim: String, state: State, figure: String) {
        self.claim = claim
        self.state = state
        self.figure = figure
    }
}
