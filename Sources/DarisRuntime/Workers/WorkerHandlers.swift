import Synchronization

/// Whom a device of workers tells of ends of stages and of lost contexts.
final class WorkerHandlers: Sendable {
    /// In a structure, since a closure that is taken out of a generic type and put back gets a wrapper each time.
    private struct Stages {
        var call: @Sendable (StageEnd) -> Void = { _ in }
    }

    private struct Contexts {
        var call: @Sendable (ContextChange) -> Void = { _ in }
        /// Why each context is lost, if it is.
        var lost: [Int: DeviceError] = [:]
    }

    private let stages = Mutex(Stages())
    private let contexts = Mutex(Contexts())

    func setStageHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { stages.withLock { $0.call = handler } }

    func tell(_ end: StageEnd) { stages.withLock { $0.call }(end) }

    /// Takes a new handler, and tells it of the contexts that are lost already.
    func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        contexts.withLock { contexts in
            contexts.call = handler
            for (context, reason) in contexts.lost { handler(.lost(context, reason)) }
        }
    }

    /// Tells of a context. The lock is held meanwhile, so that nobody who sets a handler misses a change or hears of it
    /// twice; a handler launches from it, but never sets another.
    func tell(_ change: ContextChange) {
        contexts.withLock { contexts in
            switch change {
            case .lost(let context, let reason): contexts.lost[context] = reason
            case .restored(let context): contexts.lost[context] = nil
            }
            contexts.call(change)
        }
    }
}
