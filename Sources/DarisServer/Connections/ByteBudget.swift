import Synchronization

/// The bytes of all requests and answers that the server holds at a time.
///
/// Where the limit is met, the request that has been arriving longest gives way: one that is sent at once is hardly ever
/// that one.
final class ByteBudget: Sendable {
    private struct Holding {
        var bytes = 0
        /// Called, once, if it must give way; `nil` when it has arrived in full.
        var giveWay: (@Sendable () -> Void)?
    }

    private struct State {
        var held = 0
        var last = 0
        var holdings: [Int: Holding] = [:]
    }

    /// In bytes.
    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// The bytes held now.
    var held: Int { state.withLock { $0.held } }

    /// A share without bytes of a request that begins to arrive.
    ///
    /// - Parameter giveWay: called if the request must give way to others; ends it.
    func share(giveWay: @escaping @Sendable () -> Void) -> Share {
        let number = state.withLock { state in
            state.last += 1
            state.holdings[state.last] = Holding(giveWay: giveWay)
            return state.last
        }
        return Share(budget: self, number: number)
    }

    var refusal: InferenceError {
        InferenceError(
            .refused, "the server holds \(limit) bytes of requests, its limit, already",
            retryAfter: .milliseconds(Int64(100)))
    }

    /// What one request holds, until it is released or goes away.
    final class Share: Sendable {
        private let budget: ByteBudget
        private let number: Int

        fileprivate init(budget: ByteBudget, number: Int) {
            self.budget = budget
            self.number = number
        }

        deinit { release() }

        /// Takes bytes more.
        ///
        /// - Returns: `false` if there is no room for them, or the request had to give way.
        func take(_ bytes: Int) -> Bool {
            var calls: [@Sendable () -> Void] = []
            let isTaken = budget.state.withLock { state in
                guard state.holdings[number] != nil else { return false }
                while state.held + bytes > budget.limit {
                    guard let oldest = state.holdings.lazy.filter({ $0.value.giveWay != nil }).map(\.key).min(),
                        oldest != number, let holding = state.holdings.removeValue(forKey: oldest)
                    else { return false }
                    state.held -= holding.bytes
                    if let call = holding.giveWay { calls.append(call) }
                }
                state.held += bytes
                state.holdings[number]?.bytes += bytes
                return true
            }
            for call in calls { call() }
            return isTaken
        }

        /// Gives bytes back.
        func give(back bytes: Int) {
            budget.state.withLock { state in
                guard let holding = state.holdings[number] else { return }
                let given = min(bytes, holding.bytes)
                state.holdings[number]?.bytes -= given
                state.held -= given
            }
        }

        /// The request has arrived in full, and gives way no more.
        func seal() { budget.state.withLock { $0.holdings[number]?.giveWay = nil } }

        /// Gives everything back.
        func release() {
            budget.state.withLock { state in
                if let holding = state.holdings.removeValue(forKey: number) { state.held -= holding.bytes }
            }
        }
    }
}
