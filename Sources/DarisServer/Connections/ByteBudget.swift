import Synchronization

/// The bytes of all requests and answers that the server holds at a time.
///
/// Where the limit is met, the request that has been arriving longest gives way: one that is sent at once is hardly ever
/// that one. A quarter is kept for requests of high priority, for which those of low priority give way first.
final class ByteBudget: Sendable {
    private struct Holding {
        var bytes = 0
        var isLowPriority = true
        /// The place in the order of beginnings of what arrives now; `nil` when it has arrived in full.
        var begun: Int?
        /// Ends the request, if it must give way.
        let giveWay: @Sendable () -> Void
    }

    private struct State {
        var held = 0
        /// Of those, the bytes of requests of low priority, or of a priority that is not known yet.
        var heldLow = 0
        var last = 0
        var holdings: [Int: Holding] = [:]

        mutating func next() -> Int {
            last += 1
            return last
        }

        mutating func remove(_ number: Int) -> Holding? {
            guard let holding = holdings.removeValue(forKey: number) else { return nil }
            held -= holding.bytes
            if holding.isLowPriority { heldLow -= holding.bytes }
            return holding
        }

        mutating func add(_ bytes: Int, to number: Int) {
            guard var holding = holdings[number] else { return }
            holding.bytes += bytes
            held += bytes
            if holding.isLowPriority { heldLow += bytes }
            holdings[number] = holding
        }

        /// What has been arriving longest, of one priority.
        func oldest(isLowPriority: Bool) -> Int? {
            holdings.lazy
                .filter {
                    $0.value.begun != nil && $0.value.bytes > 0 && $0.value.isLowPriority == isLowPriority
                }
                .min { $0.value.begun! < $1.value.begun! }?.key
        }

        /// Who gives way for bytes of a request; `nil` if nobody can.
        func giver(for number: Int, isLowPriority: Bool) -> Int? {
            let low = oldest(isLowPriority: true)
            let giver = isLowPriority ? low : low ?? oldest(isLowPriority: false)
            return giver == number ? nil : giver
        }
    }

    /// In bytes.
    let limit: Int
    /// What requests of low priority may hold, in bytes.
    private var lowLimit: Int { limit - limit / 4 }
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

        /// Whether it is of a request of low priority, as which it begins.
        var isLowPriority: Bool {
            get { budget.state.withLock { $0.holdings[number]?.isLowPriority ?? true } }
            set {
                budget.state.withLock { state in
                    guard let holding = state.holdings[number], holding.isLowPriority != newValue else { return }
                    state.heldLow += newValue ? holding.bytes : -holding.bytes
                    state.holdings[number]?.isLowPriority = newValue
                }
            }
        }

        /// Takes bytes more.
        ///
        /// - Returns: `false` if there is no room for them, or the request had to give way.
        func take(_ bytes: Int) -> Bool {
            var calls: [@Sendable () -> Void] = []
            let isTaken = budget.state.withLock { state in
                guard let own = state.holdings[number] else { return false }
                while state.held + bytes > budget.limit
                    || own.isLowPriority && state.heldLow + bytes > budget.lowLimit
                {
                    guard let giver = state.giver(for: number, isLowPriority: own.isLowPriority),
                        let holding = state.remove(giver)
                    else { return false }
                    calls.append(holding.giveWay)
                }
                state.add(bytes, to: number)
                return true
            }
            for call in calls { call() }
            return isTaken
        }

        /// Gives bytes back.
        func give(back bytes: Int) {
            budget.state.withLock { state in
                guard let holding = state.holdings[number] else { return }
                state.add(-min(bytes, holding.bytes), to: number)
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
