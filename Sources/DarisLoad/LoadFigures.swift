import DarisCore

/// What became of the requests of a load, as the client saw it.
package struct LoadFigures: Sendable {
    /// Requests sent.
    package internal(set) var sent = 0
    /// Answered with outputs by the deadline.
    package internal(set) var inTime = 0
    /// Answered with outputs after the deadline.
    package internal(set) var late = 0
    /// Refused: 503.
    package internal(set) var refused = 0
    /// Given up by the server since the deadline passed: 504.
    package internal(set) var tooLate = 0
    /// Anything else, with how often.
    package internal(set) var errors: [String: Int] = [:]
    /// Releases for which nothing was sent, since as many requests as allowed were on their way.
    package internal(set) var unsent = 0
    /// From when a request was due to the answer, for answers with outputs; in a closed loop it is due when it is sent.
    package internal(set) var response = Distribution()
    /// The same for those refused.
    package internal(set) var refusal = Distribution()
    /// From when a request was due to when it was sent: how far the client itself was behind.
    package internal(set) var sendingDelay = Distribution()
    /// From the first release to the last answer.
    package internal(set) var elapsed = Nanoseconds.zero

    private let hasDeadline: Bool

    init(hasDeadline: Bool) { self.hasDeadline = hasDeadline }

    /// Requests that came to nothing for another reason than time.
    package var failed: Int { errors.values.reduce(0, +) }
    /// Requests with an answer of any kind.
    package var answered: Int { inTime + late + refused + tooLate + failed }
    /// The share that missed the deadline: answered after it, given up, or not sent at all. Those refused are not counted.
    package var dmr: Double {
        let missed = late + tooLate + (hasDeadline ? unsent : 0)
        return missed == 0 ? 0 : Double(missed) / Double(inTime + missed)
    }
    /// Answers with outputs a second.
    package var throughput: Double { elapsed > .zero ? Double(inTime + late) / elapsed.inSeconds : 0 }

    /// The most different errors that are told apart.
    static let errorLimit = 20

    mutating func record(error: String) {
        let isNew = errors[error] == nil
        errors[isNew && errors.count >= Self.errorLimit ? "other errors" : error, default: 0] += 1
    }
}
