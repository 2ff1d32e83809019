import DequeModule
import Synchronization

/// Tells those who submitted jobs of their outcome, on a thread of its own, so that no lane ever runs their code.
///
/// What waits here is bounded by the executor's limit on submissions in flight.
final class CompletionThread: Sendable {
    private struct State {
        var calls = Deque<@Sendable () -> Void>()
        var isStopped = false
    }

    private let state = Mutex(State())
    private let semaphore = Semaphore()
    private let thread = Mutex<DedicatedThread?>(nil)

    /// Starts the thread, which lives until `stop`.
    func start() {
        thread.withLock { $0 = DedicatedThread.required(.init(name: "daris-done")) { self.run() } }
    }

    /// Calls `body` soon, after those given before.
    func call(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.calls.append(body) }
        semaphore.post()
    }

    /// Makes the calls still waiting, then ends the thread.
    func stop() {
        state.withLock { $0.isStopped = true }
        semaphore.post()
        thread.withLock { $0 }?.join()
    }

    private func run() {
        while true {
            semaphore.wait()
            let (call, isStopped) = state.withLock { ($0.calls.popFirst(), $0.isStopped) }
            if let call {
                call()
            } else if isStopped {
                return
            }
        }
    }
}
