/// Where the jobs of a task come from.
public enum ArrivalPattern: String, Hashable, Sendable, Codable, CaseIterable {
    /// From the clock, one each period.
    case periodic
    /// From outside, by submission; the period is the least time between two of them.
    case sporadic
}
