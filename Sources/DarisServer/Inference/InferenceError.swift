import DarisCore
import DarisRuntime

/// Why a request has no outputs, independent of how it came.
struct InferenceError: Error, Sendable, Hashable {
    /// What a client can make of it.
    enum Kind: Hashable, Sendable {
        /// The request is wrong; the same again is no better.
        case invalid
        /// Who asks has not shown that it may.
        case unauthorised
        /// The way in which it asks, or what it did before, is why it may not.
        case forbidden
        /// There is no such model or version.
        case notFound
        /// Turned away for now; it may fit later.
        case refused
        /// Its deadline passed.
        case tooLate
        /// The client gave it up.
        case cancelled
        /// The device could not run it.
        case failed
    }

    var kind: Kind
    /// A sentence without a full stop, for clients.
    var message: String
    /// What the device or its worker said, for the log alone: it may name files of the server.
    var detail: String?
    /// When it makes sense to ask again, for `refused` and `forbidden`.
    var retryAfter: Nanoseconds?

    init(_ kind: Kind, _ message: String, retryAfter: Nanoseconds? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    /// What the executor says of a job.
    init(_ error: SubmissionError, model: String) {
        switch error {
        case .unknownTask, .periodicTask, .wrongInput:
            self.init(.invalid, error.description)
        case .tooManySubmissions(let limit):
            self.init(.refused, "\(limit) requests are in flight already")
        case .stopped:
            self.init(.refused, "the server is ending")
        case .notCompleted(_, let reason, let message):
            let kind: Kind =
                switch reason {
                case .noContextFits, .previousJobInFlight, .queueFull, .noContextAlive, .taskRemoved: .refused
                case .deadlinePassed: .tooLate
                case .cancelled: .cancelled
                case .stageFailed, .contextLost, .onTime, .late: .failed
                }
            let text = reason == .deadlinePassed ? "its deadline passed before it was done" : reason.text
            self.init(kind, "model '\(model)': \(text)")
            detail = message
        case .crashed(_, let message):
            self.init(.failed, "model '\(model)': \(message)")
        }
    }

    /// The error as a client is told it, with the id under which the log has the rest.
    func forClient(requestID: String?) -> InferenceError {
        guard detail != nil else { return self }
        let place = requestID.map { "; the server's log has the reason (request id \($0))" } ?? ""
        return InferenceError(kind, message + place, retryAfter: retryAfter)
    }
}
