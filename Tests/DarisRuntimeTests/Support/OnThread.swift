@testable import DarisRuntime

/// Runs what blocks on a thread of its own, so that no thread of Swift's pool waits for another.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        _ = DedicatedThread.required(.init(name: "test")) { continuation.resume(returning: body()) }
    }
}

/// The same for what may throw.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await onThread { Result { try body() } }.get()
}
