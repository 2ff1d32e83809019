/// How many jobs met which fate.
public struct JobCounts: Hashable, Sendable, Codable {
    /// Jobs released so far.
    public var released = 0
    /// Not admitted, or released though their task was removed.
    public var rejected = 0
    /// Not started, since the previous job was in flight.
    public var skipped = 0
    /// Run to the end.
    public var completed = 0
    /// Given up.
    public var dropped = 0
    /// Hit by a failure.
    public var failed = 0
    /// Released and not yet at an end.
    public var inFlight = 0

    /// No jobs.
    package init() {}

    /// Whether every job is accounted for once: released = rejected + skipped + completed + dropped + failed + in flight.
    package var isBalanced: Bool {
        released == rejected + skipped + completed + dropped + failed + inFlight && inFlight >= 0
    }

    /// Takes note of a release.
    @inlinable
    package mutating func recordRelease() {
        released += 1
        inFlight += 1
    }

    /// Takes note of the end of a job that had been released.
    @inlinable
    package mutating func recordEnd(_ fate: JobFate) {
        inFlight -= 1
        switch fate {
        case .rejected: rejected += 1
        case .skipped: skipped += 1
        case .completed: completed += 1
        case .dropped: dropped += 1
        case .failed: failed += 1
        }
    }

    enum CodingKeys: String, CodingKey {
        case released, rejected, skipped, completed, dropped, failed
        case inFlight = "in_flight"
    }
}
