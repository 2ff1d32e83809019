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
        /// Those of them that are not to be relied on to come back.
        var exhausted: Set<Int> = []
        /// Why nothing comes back, once that is so.
        var end: DeviceError?
    }

    private let count: Int

    private let stages = Mutex(Stages())
    private let contexts = Mutex(Contexts())

    /// - Parameter contexts: how many there are.
    init(contexts: Int) { count = contexts }

    func setStageHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { stages.withLock { $0.call = handler } }

    func tell(_ end: StageEnd) { stages.withLock { $0.call }(end) }

    /// Takes a new handler, and tells it of the contexts that are lost already.
    func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        contexts.withLock { contexts in
            contexts.call = handler
            for (context, reason) in contexts.lost { handler(.lost(context, reason)) }
            if let end = contexts.end { handler(.abandoned(end)) }
        }
    }

    /// Notes that a lost context has been given up so often that it is not to be relied on to come back. Once that is so of
    /// all, tells that the device is abandoned.
    func exhausted(_ context: Int) {
        contexts.withLock { contexts in
            contexts.exhausted.insert(context)
            guard contexts.exhausted.count == count, contexts.end == nil else { return }
            let reason = DeviceError(
                "every context is lost and was given up again and again; context \(context): "
                    + (contexts.lost[context]?.description ?? "unknown"))
            contexts.end = reason
            contexts.call(.abandoned(reason))
        }
    }

    /// Tells of a context. The lock is held meanwhile, so that nobody who sets a handler misses a change or hears of it
    /// twice; a handler launches from it, but never sets another.
    func tell(_ change: ContextChange) {
        contexts.withLock { contexts in
            switch change {
            case .lost(let context, let reason): contexts.lost[context] = reason
            case .restored(let context):
                contexts.lost[context] = nil
                contexts.exhausted.remove(context)
            case .abandoned: break
            }
            contexts.call(change)
        }
    }
}
