import Synchronization

/// What happened, in order, from any thread, and a way to wait for the next thing without sleeping.
final class Journal<Entry: Sendable>: Sendable {
    private struct Waiter {
        var count: Int
        var continuation: CheckedContinuation<[Entry], Never>
    }

    private struct State {
        var entries: [Entry] = []
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    /// All entries so far.
    var entries: [Entry] { state.withLock(\.entries) }

    func append(_ entry: Entry) {
        let ready: [(Waiter, [Entry])] = state.withLock { state in
            state.entries.append(entry)
            let count = state.entries.count
            guard state.waiters.contains(where: { $0.count <= count }) else { return [] }
            defer { state.waiters.removeAll { $0.count <= count } }
            return state.waiters.filter { $0.count <= count }.map { ($0, Array(state.entries.prefix($0.count))) }
        }
        for (waiter, entries) in ready { waiter.continuation.resume(returning: entries) }
    }

    /// The first `count` entries, once there are as many.
    func first(_ count: Int) async -> [Entry] {
        await withCheckedContinuation { continuation in
            let entries: [Entry]? = state.withLock { state in
                if state.entries.count >= count { return Array(state.entries.prefix(count)) }
                state.waiters.append(Waiter(count: count, continuation: continuation))
                return nil
            }
            if let entries { continuation.resume(returning: entries) }
        }
    }
}
