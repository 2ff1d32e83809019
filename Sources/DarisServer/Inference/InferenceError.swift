import DarisCore
import DarisRuntime

/// Why a request has no outputs, independent of how it came.
struct InferenceError: Error, Sendable, Hashable {
    /// What a client can make of it.
    enum Kind: Hashable, Sendable {
        /// The request is wrong; the same again is no better.
        case invalid
        /// It asks for something that this server does not do.
        case unsupported
        /// Who asks has not shown that it may.
        case unauthorised
        /// The way in which it asks, or what it did before, is why it may not.
        case forbidden
        /// There is no such model or version.
        case notFound
        /// Refused for now; it may fit later.
        case refused(Refusal)
        /// Its deadline passed.
        case tooLate
        /// The client gave it up.
        case cancelled
        /// The device could not run it.
        case failed
    }

    let kind: Kind
    /// A sentence without a full stop, for clients.
    let message: String
    /// What the device or its worker said, for the log alone: it may name files of the server.
    private(set) var detail: String?
    /// When it makes sense to ask again, for `refused` and `forbidden`.
    let retryAfter: Nanoseconds?

    init(_ kind: Kind, _ message: String, retryAfter: Nanoseconds? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    /// A refusal, in its own words.
    init(_ refusal: Refusal, retryAfter: Nanoseconds? = nil) {
        self.init(.refused(refusal), refusal.description, retryAfter: retryAfter)
    }

    /// What the executor says of a job.
    init(_ error: SubmissionError, model: String) {
        switch error {
        case .unknownTask, .periodicTask, .wrongInput: self.init(.invalid, error.description)
        case .tooManySubmissions(let limit): self.init(.tooManyInFlight(limit: limit))
        case .stopped: self.init(.ending)
        case .notCompleted(_, let reason, let message):
            switch reason {
            case .noContextFits, .previousJobInFlight, .queueFull, .noContextAlive, .taskRemoved, .wouldBeLate:
                self.init(.rejected(model: model, reason))
            case .deadlinePassed: self.init(.tooLate, "model '\(model)': its deadline passed before it was done")
            case .cancelled: self.init(.cancelled, "model '\(model)': \(reason.text)")
            case .stageFailed, .contextLost, .onTime, .late: self.init(.failed, "model '\(model)': \(reason.text)")
            }
            detail = message
        case .crashed(_, let message), .overran(let message): self.init(.failed, "model '\(model)': \(message)")
        }
    }

    /// Why it was refused; `nil` if it was not.
    var refusal: Refusal? {
        if case .refused(let refusal) = kind { refusal } else { nil }
    }

    /// The error as a client is told it, with the id under which the log has the rest.
    func forClient(requestID: String?) -> InferenceError {
        guard detail != nil else { return self }
        let place = requestID.map { "; the server's log has the reason (request id \($0))" } ?? ""
        return InferenceError(kind, message + place, retryAfter: retryAfter)
    }
}

/// Why the server refuses a request for now.
enum Refusal: Hashable, Sendable, CustomStringConvertible {
    // All requests.
    case loading(LoadProgress)
    case ending
    case everyContextLost
    /// As many loads and unloads wait for their turn as may.
    case loadsWaiting(limit: Int)
    /// As many requests as may be are in flight.
    case tooManyInFlight(limit: Int)

    // Those for a model.
    case unloaded(model: String)
    /// Requests of several clients ended the worker processes that ran them.
    case unavailable(model: String, for: Nanoseconds)
    case queueFull(model: String, limit: Int)
    case wouldBeLate(model: String, waiting: Int)
    /// Its deadline is nearer than the model's execution time.
    case takesLonger(model: String, Nanoseconds, left: Nanoseconds)
    /// The scheduler did not take the request's job.
    case rejected(model: String, FateReason)
    /// Asked whether it takes requests, a model says why not.
    case modelNotReady(model: String, reason: String)

    // What limits on memory and connections refuse.
    case memoryFull(limit: Int)
    case connectionsFull
    /// The same over gRPC, where connections of a server that ends are as good as too many.
    case healthOnly
    case tooManyWatchers(limit: Int)

    /// A sentence without a full stop, for clients.
    var description: String {
        switch self {
        case .loading(let progress): progress.description
        case .ending: "the server is ending"
        case .everyContextLost: "every context is lost; they are being started again"
        case .loadsWaiting(let limit): "\(limit) models wait to be loaded or unloaded already"
        case .tooManyInFlight(let limit): "\(limit) requests are in flight already"
        case .unloaded(let model): "model '\(model)' is not loaded; load it first"
        case .unavailable(let model, let left): "model '\(model)' \(RequestAccount.words(left))"
        case .queueFull(let model, let limit): "model '\(model)': \(limit) requests wait for it already"
        case .wouldBeLate(let model, let count):
            "model '\(model)': it is busy\(count > 0 ? ", and \(count) requests wait for it" : ""): this one would be late"
        case .takesLonger(let model, let time, let left):
            "model '\(model)': it takes \(Self.milliseconds(time)) ms, and the request's deadline is "
                + "\(left > .zero ? "in \(Self.milliseconds(left)) ms" : "over")"
        case .rejected(let model, let reason): "model '\(model)': \(reason.text)"
        case .modelNotReady(let model, let reason): "model '\(model)' takes no requests now: \(reason)"
        case .memoryFull(let limit): "the server holds \(limit) bytes of requests, its limit, already"
        case .connectionsFull: "the server has as many connections as it may, and all are busy"
        case .healthOnly: "the server is ending, or has as many connections as it may, all busy"
        case .tooManyWatchers(let limit): "\(limit) watch already, which is the limit; close one of the pages"
        }
    }

    private static func milliseconds(_ time: Nanoseconds) -> Double {
        (time.inSeconds * 10_000).rounded(.up) / 10
    }
}
