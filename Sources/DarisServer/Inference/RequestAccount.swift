import DarisCore
import DarisRuntime

/// To whose account a request goes: that of its client and its model.
struct RequestAccount: Sendable {
    let client: Client
    let model: String
    let blame: CrashBlame
    let journal: RequestJournal

    /// Why the request is not run now: its client is refused, or its model unavailable.
    func refusal(at now: Nanoseconds) -> InferenceError? {
        if let left = blame.refusal(of: client, model, at: now) {
            return InferenceError(
                .forbidden,
                "model '\(model)': requests of this client (\(client)) ended the worker processes that ran them, again and "
                    + "again; it is refused for \(Self.seconds(left)) s more", retryAfter: left)
        }
        return blame.unavailability(of: model, at: now).map { left in
            InferenceError(.unavailable(model: model, for: left), retryAfter: left)
        }
    }

    /// Notes what a job of the request came to.
    func note(_ result: Result<[[UInt8]], SubmissionError>, at now: Nanoseconds) {
        switch result {
        case .success: blame.answered(client, model)
        case .failure(.crashed(let others, let reason)):
            switch blame.crashed(client, model, isAlone: others == 0, at: now) {
            case .clientRefused(let time):
                journal.warn(
                    "a client is refused, for its requests ended worker processes", model,
                    ["client": "\(client)", "seconds": "\(Self.seconds(time))", "reason": "\(reason)"])
            case .modelUnavailable(let time):
                journal.warn(
                    "a model is unavailable, for requests of several clients ended worker processes", model,
                    ["seconds": "\(Self.seconds(time))", "reason": "\(reason)"])
            case nil: break
            }
        case .failure: break
        }
    }

    /// That a model is unavailable for so long, for a sentence that begins with its name.
    static func words(_ left: Nanoseconds) -> String {
        "is unavailable for \(seconds(left)) s more: requests of several clients ended the worker processes that ran them"
    }

    private static func seconds(_ time: Nanoseconds) -> Int { Int(time.inSeconds.rounded(.up)) }
}
