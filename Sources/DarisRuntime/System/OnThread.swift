/// Runs what blocks on a thread of its own, so that no thread of Swift's pool waits for it; on the caller's where the system
/// refuses one.
package func onThread<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
        let work: @Sendable () -> Void = { continuation.resume(returning: Result(catching: body)) }
        do { _ = try DedicatedThread(.init(name: "daris-call"), work) } catch { work() }
    }
    return try result.get()
}
