/// Virtual deadlines: a job's deadline shared out over its stages in proportion to MRET (paper equation 3).
package enum VirtualDeadlines {
    /// The virtual deadline of a stage: r + D · (Σ_{l≤j} mretᵢₗ) / (Σ_l mretᵢₗ).
    ///
    /// - Parameters:
    ///   - release: r, when the job was released.
    ///   - relativeDeadline: D, the time it has.
    ///   - upTo: the sum of MRET over the stages up to this one, itself included.
    ///   - total: the sum of MRET over all stages. Where it is zero nothing is known, and every stage has all of D.
    @inlinable
    package static func deadline(
        release: Nanoseconds, relativeDeadline: Nanoseconds, upTo: Nanoseconds, total: Nanoseconds
    ) -> Nanoseconds {
        guard total > .zero else { return release + relativeDeadline }
        return release + relativeDeadline.scaled(by: upTo.rawValue, over: total.rawValue)
    }
}
