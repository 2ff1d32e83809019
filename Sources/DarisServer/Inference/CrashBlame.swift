import DarisCore
import DarisRuntime
import Synchronization

/// Which clients' requests end the worker processes that run them, and what follows from it.
///
/// A client is refused for a model after three crashes in a row, or five within ten minutes whatever lay between. If a
/// model's crashes come from several clients, none of which is refused, the model is unavailable instead. Either lasts a
/// minute at first, and twice as long each further time, up to an hour. A crash while other jobs ran on the same context
/// counts half, and only in a row: an answer exonerates. Times are passed in.
final class CrashBlame: Sendable {
    /// What follows from a crash.
    enum Consequence: Hashable, Sendable {
        case clientRefused(for: Nanoseconds)
        case modelUnavailable(for: Nanoseconds)
    }

    /// The crashes in a row that are too many.
    static let mostInRow = 3
    /// The crashes within `span` that are too many.
    static let mostInSpan = 5
    static let span = Nanoseconds.seconds(Int64(600))
    static let firstRefusal = Nanoseconds.seconds(Int64(60))
    static let longestRefusal = Nanoseconds.seconds(Int64(3_600))
    /// How long a row, or the number of refusals, is remembered.
    static let memory = Nanoseconds.seconds(Int64(7_200))
    /// The most clients and models that are kept count of; more forget those whose last crash is the longest ago.
    static let mostAccounts = 1024

    private struct Crash {
        var client: Client
        var time: Nanoseconds
        var isAlone: Bool
        /// No request has been answered since.
        var isInRow = true
    }

    /// The crashes of a client's requests for a model, or of all for a model.
    private struct Account {
        /// Those that count, the latest last.
        var crashes: [Crash] = []
        var lastCrash = Nanoseconds.zero
        var refusals = 0
        var refusedUntil = Nanoseconds.zero

        mutating func add(_ crash: Crash) {
            lastCrash = crash.time
            crashes.removeAll { crash.time - $0.time >= ($0.isInRow ? memory : span) }
            // More than 2 × 3 are never needed to be too many.
            crashes = crashes.suffix(2 * max(mostInRow, mostInSpan)) + [crash]
        }

        func areTooMany(at now: Nanoseconds) -> Bool {
            let inRow = crashes.lazy.filter(\.isInRow).reduce(0) { $0 + ($1.isAlone ? 2 : 1) }
            let inSpan = crashes.lazy.filter { $0.isAlone && now - $0.time < span }.count
            return inRow >= 2 * mostInRow || inSpan >= mostInSpan
        }

        mutating func answered() {
            for index in crashes.indices { crashes[index].isInRow = false }
        }

        /// Refuses from now on; the first crash after that is one too many again, unless a request is answered before.
        mutating func refuse(at now: Nanoseconds) -> Nanoseconds {
            let length = min(Nanoseconds(firstRefusal.rawValue << Int64(min(refusals, 10))), longestRefusal)
            refusals += 1
            refusedUntil = now + length
            crashes = crashes.suffix(mostInRow - 1)
            for index in crashes.indices { crashes[index].isInRow = true }
            return length
        }
    }

    private struct Pair: Hashable {
        var client: Client
        var model: String
    }

    private struct State {
        var clients: [Pair: Account] = [:]
        var models: [String: Account] = [:]
    }

    private let state = Mutex(State())

    /// Notes that a worker process ended while it ran a client's job.
    ///
    /// - Parameter isAlone: no other job ran on that context.
    func crashed(_ client: Client, _ model: String, isAlone: Bool, at now: Nanoseconds) -> Consequence? {
        state.withLock { state in
            let crash = Crash(client: client, time: now, isAlone: isAlone)
            let pair = Pair(client: client, model: model)
            var own = state.clients[pair] ?? Account()
            // One that was on its way when its client was refused tells nothing new.
            guard own.refusedUntil <= now else { return nil }
            if now - max(own.lastCrash, own.refusedUntil) >= Self.memory { own = Account() }
            own.add(crash)
            var all = state.models[model] ?? Account()
            defer {
                state.clients[pair] = own
                state.models[model] = all
                Self.bound(&state.clients)
            }
            if own.areTooMany(at: now) {
                all.crashes.removeAll { $0.client == client }
                return .clientRefused(for: own.refuse(at: now))
            }
            guard all.refusedUntil <= now else { return nil }
            if now - max(all.lastCrash, all.refusedUntil) >= Self.memory { all = Account() }
            all.add(crash)
            guard Set(all.crashes.map(\.client)).count > 1, all.areTooMany(at: now) else { return nil }
            return .modelUnavailable(for: all.refuse(at: now))
        }
    }

    /// Notes that a request was answered.
    func answered(_ client: Client, _ model: String) {
        state.withLock { state in
            guard !state.models.isEmpty else { return }
            state.clients[Pair(client: client, model: model)]?.answered()
            state.models[model]?.answered()
        }
    }

    /// How much longer a client's requests for a model are refused; `nil` if they are not.
    func refusal(of client: Client, _ model: String, at now: Nanoseconds) -> Nanoseconds? {
        state.withLock { Self.left($0.clients[Pair(client: client, model: model)], now) }
    }

    /// How much longer a model is unavailable; `nil` if it is not.
    func unavailability(of model: String, at now: Nanoseconds) -> Nanoseconds? {
        state.withLock { Self.left($0.models[model], now) }
    }

    private static func left(_ account: Account?, _ now: Nanoseconds) -> Nanoseconds? {
        guard let account, account.refusedUntil > now else { return nil }
        return account.refusedUntil - now
    }

    private static func bound(_ accounts: inout [Pair: Account]) {
        guard accounts.count > mostAccounts else { return }
        if let oldest = accounts.min(by: { $0.value.lastCrash < $1.value.lastCrash }) { accounts[oldest.key] = nil }
    }
}

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
