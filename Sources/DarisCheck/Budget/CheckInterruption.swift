import Synchronization

/// Ends a check from another thread: what is being measured is broken off where it can be, and nothing new begins.
package final class CheckInterruption: Sendable {
    private struct State {
        var isSet = false
        var stop: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// One that nobody has called for.
    package init() {}

    /// Whether the check is to end.
    package var isSet: Bool { state.withLock(\.isSet) }

    /// Ends the check. May be called more than once.
    package func set() {
        let stop = state.withLock { state in
            state.isSet = true
            return state.stop
        }
        stop?()
    }

    /// Runs `body`; `stop` is called if the check is to end meanwhile, or has been told so before.
    func during<Result>(_ body: () throws -> Result, stop: @escaping @Sendable () -> Void) rethrows -> Result {
        let isSet = state.withLock { state in
            state.stop = stop
            return state.isSet
        }
        if isSet { stop() }
        defer { state.withLock { $0.stop = nil } }
        return try body()
    }
}
