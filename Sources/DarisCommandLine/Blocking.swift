import Foundation
import Synchronization

/// Work of other threads, waited for by one that has nothing else to do.
enum Blocking {
    /// What it comes to.
    static func result<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) -> Result<Value, any Error> {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var result: Result<Value, any Error>?
        Task.detached {
            do { result = .success(try await work()) } catch { result = .failure(error) }
            done.signal()
        }
        done.wait()
        return result!
    }
    /// What work that may hang comes to; `nil` where it has not ended after `seconds`. It is left to itself then.
    static func end<Value: Sendable>(after seconds: Double, _ work: @escaping @Sendable () -> Value) -> Value? {
        let done = DispatchSemaphore(value: 0)
        let value = Box<Value>()
        Thread.detachNewThread {
            let result = work()
            value.content.withLock { $0 = result }
            done.signal()
        }
        return done.wait(timeout: .now() + seconds) == .success ? value.content.withLock { $0 } : nil
    }

    private final class Box<Value: Sendable>: Sendable {
        let content = Mutex<Value?>(nil)
    }
}
