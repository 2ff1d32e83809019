import Synchronization

/// The bytes of all requests and answers that the server holds at a time.
///
/// Where the limit is met, the request that has been arriving longest gives way: one that is sent at once is hardly ever
/// that one.
final class ByteBudget: Sendable {
    private struct Holding {
        var bytes = 0
        /// The place in the order of beginnings of what arrives now; `nil` when it has arrived in full.
        var begun: Int?
        /// Ends the request, if it must give way.
        let giveWay: @Sendable () -> Void
    }

    private struct State {
        var held = 0
        var last = 0
        var holdings: [Int: Holding] = [:]

        mutating func next() -> Int {
            last += 1
            return last
        }

        mutating func remove(_ number: Int) -> Holding? {
            guard let holding = holdings.removeValue(forKey: number) else { return nil }
            held -= holding.bytes
            return holding
        }

        /// What has been arriving longest.
        var oldest: Int? {
            holdings.lazy.filter { $0.value.begun != nil && $0.value.bytes > 0 }
                .min { $0.value.begun! < $1.value.begun! }?.key
        }
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
            let number = state.next()
            state.holdings[number] = Holding(begun: number, giveWay: giveWay)
            return number
        }
        return Share(budget: self, number: number)
    }

    var refusal: InferenceError {
        InferenceError(.memoryFull(limit: limit), retryAfter: .milliseconds(Int64(100)))
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

        /// Whether it is held: not released, and has not given way.
        var isHeld: Bool { budget.state.withLock { $0.holdings[number] != nil } }

        /// Takes bytes more.
        ///
        /// - Returns: `false` if there is no room for them, or the request had to give way.
        func take(_ bytes: Int) -> Bool {
            var calls: [@Sendable () -> Void] = []
            let isTaken = budget.state.withLock { state in
                guard state.holdings[number] != nil else { return false }
                while state.held + bytes > budget.limit {
                    guard let oldest = state.oldest, oldest != number, let holding = state.remove(oldest) else {
                        return false
                    }
                    calls.append(holding.giveWay)
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

        /// What arrives, if anything, has arrived in full, and gives way no more.
        func seal() { budget.state.withLock { $0.holdings[number]?.begun = nil } }

        /// Something more begins to arrive, unless it does already.
        func unseal() {
            budget.state.withLock { state in
                guard let holding = state.holdings[number], holding.begun == nil else { return }
                let place = state.next()
                state.holdings[number]?.begun = place
            }
        }

        /// Gives everything back.
        func release() {
            budget.state.withLock { _ = $0.remove(number) }
        }
    }
}
