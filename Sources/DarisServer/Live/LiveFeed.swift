import DarisCore
import NIOCore
import Synchronization

/// Tells all who watch the same: one producer makes one event five times a second, while there is anybody to see it.
///
/// A watcher that does not take its events for a while is let go of: nothing is kept for it but the last few.
final class LiveFeed: Sendable {
    /// The time between two events.
    static let interval = Duration.milliseconds(200)
    /// The events that a watcher may be behind.
    static let backlog = 8
    /// The most watchers.
    static let limit = 32

    /// What a watcher has of the feed.
    struct Seat: Sendable {
        fileprivate let number: Int
        let events: AsyncStream<ByteBuffer>
    }

    private struct Watcher {
        let stream: AsyncStream<ByteBuffer>.Continuation
        let onSlow: @Sendable () -> Void
    }

    private struct State {
        var watchers: [Int: Watcher] = [:]
        var last = 0
        /// Counts the producers there were, so that one that has been replaced ends.
        var producer = 0
        var isOver = false
    }

    private let state = Mutex(State())
    private let limit: Int
    private let makeEvents: @Sendable () -> () -> ByteBuffer?

    /// - Parameter makeEvents: makes what makes the events, one after the other, for one producer; `nil` is no event.
    init(limit: Int = LiveFeed.limit, makeEvents: @escaping @Sendable () -> () -> ByteBuffer?) {
        self.limit = limit
        self.makeEvents = makeEvents
    }

    /// How many watch.
    var watchers: Int { state.withLock { $0.watchers.count } }

    /// Gives a watcher a seat until `leave`.
    ///
    /// - Parameter onSlow: called when the watcher loses its seat because it was too slow.
    /// - Throws: `InferenceError.refused` if all seats are taken, or the feed is over.
    func join(onSlow: @escaping @Sendable () -> Void) throws(InferenceError) -> Seat {
        let (events, stream) = AsyncStream.makeStream(
            of: ByteBuffer.self, bufferingPolicy: .bufferingOldest(Self.backlog))
        let result: Result<(number: Int, starts: Int?), InferenceError> = state.withLock { state in
            guard !state.isOver else { return .failure(InferenceError(.ending)) }
            guard state.watchers.count < limit else {
                return .failure(
                    InferenceError(.tooManyWatchers(limit: limit), retryAfter: .seconds(Int64(10))))
            }
            state.last += 1
            let isFirst = state.watchers.isEmpty
            state.watchers[state.last] = Watcher(stream: stream, onSlow: onSlow)
            if isFirst { state.producer += 1 }
            return .success((state.last, isFirst ? state.producer : nil))
        }
        let (number, starts) = try result.get()
        if let starts { Task { await self.produce(as: starts) } }
        return Seat(number: number, events: events)
    }

    /// Gives a seat back; may be called more than once.
    func leave(_ seat: Seat) { state.withLock { $0.watchers.removeValue(forKey: seat.number) }?.stream.finish() }

    /// Ends every watcher's events, after one that says so, and takes no more watchers. One that takes no events any
    /// more is let go of after `grace`, so that no end waits for it.
    func end(grace: Duration = .seconds(1)) {
        let watchers = state.withLock { state in
            state.isOver = true
            return state.watchers
        }
        for watcher in watchers.values {
            watcher.stream.yield(LiveEvents.end)
            watcher.stream.finish()
        }
        guard !watchers.isEmpty else { return }
        Task {
            try? await Task.sleep(for: grace)
            let left = state.withLock { state in
                defer { state.watchers = [:] }
                return Array(state.watchers.values)
            }
            for watcher in left { watcher.onSlow() }
        }
    }

    private func produce(as producer: Int) async {
        let next = makeEvents()
        var due = ContinuousClock.now
        while true {
            let watchers = state.withLock { $0.producer == producer && !$0.isOver ? $0.watchers : [:] }
            guard !watchers.isEmpty else { return }
            if let event = next() { tell(event, watchers) }
            // At a steady pace, but never to catch up.
            due = max(due + Self.interval, .now)
            do { try await Task.sleep(until: due, clock: .continuous) } catch { return }
        }
    }

    private func tell(_ event: ByteBuffer, _ watchers: [Int: Watcher]) {
        for (number, watcher) in watchers {
            let isSlow: Bool
            switch watcher.stream.yield(event) {
            case .enqueued: continue
            case .dropped: isSlow = true
            // The watcher has gone.
            default: isSlow = false
            }
            let wasThere = state.withLock { $0.watchers.removeValue(forKey: number) != nil }
            watcher.stream.finish()
            if isSlow, wasThere { watcher.onSlow() }
        }
    }
}
