import NIOCore
import Synchronization

/// The open connections of one listener: how many there may be, which of them are idle, and what to call when one closes.
///
/// A connection is accepted even when the limit is met: then the one that has been idle longest is closed for it. Where none
/// is idle, a few more are taken that may ask for the server's health alone, so that a full server does not look dead.
final class ConnectionTable: Sendable {
    /// What a connection may ask for.
    enum Standing: Hashable, Sendable {
        case ordinary
        /// It came when the limit was met and every connection was busy.
        case healthOnly
    }

    /// Connections beyond the limit, for health alone.
    static let reserve = 32
    /// Connections that may be about to close: with TLS that takes a while.
    static let closing = 32

    private struct Entry {
        let channel: any Channel
        let standing: Standing
        /// Requests that have begun and are not answered in full.
        var requests = 0
        /// When it had a request last, or opened.
        var idleSince = NIODeadline.now()
        var onClose: [Int: @Sendable () -> Void] = [:]
        /// Whether it makes room for another, and is about to close.
        var isClosing = false
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var count: [Standing: Int] = [:]
        var lastCall = 0
        var evicted = 0
        var isEnding = false

        mutating func remove(_ id: ObjectIdentifier) -> Entry? {
            guard let entry = entries.removeValue(forKey: id) else { return nil }
            if !entry.isClosing { count[entry.standing, default: 0] -= 1 }
            return entry
        }

        /// Has the connection that has been idle longest make room.
        mutating func evict(_ standing: Standing) -> (any Channel)? {
            let idle = entries.lazy.filter {
                $0.value.standing == standing && $0.value.requests == 0 && !$0.value.isClosing
            }
            guard let id = idle.min(by: { $0.value.idleSince < $1.value.idleSince })?.key else { return nil }
            entries[id]?.isClosing = true
            count[standing, default: 0] -= 1
            evicted += 1
            return entries[id]?.channel
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the most connections at a time, without the reserve.
    init(limit: Int) { self.limit = min(limit, .max / 2) }

    /// Connections that are open, and those that were closed to make room.
    var figures: (open: Int, evicted: Int) { state.withLock { ($0.entries.count, $0.evicted) } }

    /// Takes a connection in, idle.
    ///
    /// - Returns: whether there was room, at least in the reserve; if not, the connection should be closed.
    func opened(_ channel: any Channel) -> Bool {
        let (isTaken, victim): (Bool, (any Channel)?) = state.withLock { state in
            guard !state.isEnding else { return (false, nil) }
            guard state.entries.count < limit + Self.reserve + Self.closing else {
                state.evicted += 1
                return (false, nil)
            }
            for (standing, limit) in [(Standing.ordinary, limit), (.healthOnly, Self.reserve)] {
                var victim: (any Channel)?
                if state.count[standing, default: 0] >= limit {
                    guard let evicted = state.evict(standing) else { continue }
                    victim = evicted
                }
                state.entries[ObjectIdentifier(channel)] = Entry(channel: channel, standing: standing)
                state.count[standing, default: 0] += 1
                return (true, victim)
            }
            state.evicted += 1
            return (false, nil)
        }
        victim?.close(promise: nil)
        return isTaken
    }

    /// Forgets a connection that has closed, and makes the calls that wait for that.
    func closed(_ channel: any Channel) {
        let entry = state.withLock { $0.remove(ObjectIdentifier(channel)) }
        for call in entry?.onClose.values.map({ $0 }) ?? [] { call() }
    }

    /// Makes the calls that wait for a connection's end, as its client has gone; the connection is yet to close.
    func left(_ channel: any Channel) {
        let calls = state.withLock { state in
            defer { state.entries[ObjectIdentifier(channel)]?.onClose = [:] }
            return state.entries[ObjectIdentifier(channel)].map { Array($0.onClose.values) }
        }
        for call in calls ?? [] { call() }
    }

    /// A request of a connection has begun to arrive.
    func begin(_ channel: any Channel) {
        state.withLock { $0.entries[ObjectIdentifier(channel)]?.requests += 1 }
    }

    /// A request of a connection is answered in full.
    ///
    /// - Returns: whether it was the last one, as the table has ended.
    @discardableResult
    func finish(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard var entry = state.entries[ObjectIdentifier(channel)] else { return false }
            entry.requests -= 1
            entry.idleSince = .now()
            state.entries[ObjectIdentifier(channel)] = entry
            return state.isEnding && entry.requests == 0
        }
    }

    /// How long a connection has had no request; `nil` if it has closed.
    func idleTime(_ channel: any Channel) -> TimeAmount? {
        state.withLock { $0.entries[ObjectIdentifier(channel)] }
            .map { $0.requests > 0 ? .zero : .now() - $0.idleSince }
    }

    /// What a connection may ask for.
    func standing(_ channel: any Channel) -> Standing {
        state.withLock { $0.entries[ObjectIdentifier(channel)]?.standing ?? .ordinary }
    }

    /// Has `onClose` called if the connection closes before `forget`.
    ///
    /// - Returns: what to forget it by, or `nil` if the connection has closed already.
    func watch(_ channel: any Channel, onClose: @escaping @Sendable () -> Void) -> Int? {
        state.withLock { state in
            guard state.entries[ObjectIdentifier(channel)] != nil else { return nil }
            state.lastCall += 1
            state.entries[ObjectIdentifier(channel)]?.onClose[state.lastCall] = onClose
            return state.lastCall
        }
    }

    func forget(_ call: Int, of channel: any Channel) {
        state.withLock { _ = $0.entries[ObjectIdentifier(channel)]?.onClose.removeValue(forKey: call) }
    }

    /// Takes no more connections, closes those that are idle and tells the others.
    func end(telling signal: ConnectionSignal) {
        let (idle, busy) = state.withLock { state in
            state.isEnding = true
            let groups = Dictionary(grouping: state.entries.values) { $0.requests == 0 }
            return ((groups[true] ?? []).map(\.channel), (groups[false] ?? []).map(\.channel))
        }
        for channel in idle { channel.close(promise: nil) }
        for channel in busy { channel.triggerUserOutboundEvent(signal, promise: nil) }
    }

    /// Closes every connection as it is.
    func closeAll() {
        for channel in state.withLock({ $0.entries.values.map(\.channel) }) { channel.close(promise: nil) }
    }
}

/// What the server tells a connection's handlers, as a user's outbound event of its channel.
enum ConnectionSignal: Sendable {
    /// The client may send the body of the request whose head has come.
    case proceed
    /// Answer a request that has not arrived in full with this error, let others be answered, and close.
    case finish(InferenceError)
    /// Answer what is unanswered with this error, and close.
    case refuse(InferenceError)
}
