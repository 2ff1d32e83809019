@testable import DarisRuntime

extension Executor {
    /// Starts a run, calls `body`, and ends the run and the device.
    func run(_ body: (Executor) async throws -> Void) async throws -> Outcome {
        start()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(self))
        } catch {
            result = .failure(error)
        }
        interrupt()
        let outcome = await onThread {
            let outcome = self.waitForEnd()
            self.device.shutDown()
            return outcome
        }
        try result.get()
        return outcome
    }
}
