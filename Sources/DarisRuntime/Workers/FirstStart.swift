import Synchronization

/// How the first start of a worker went; its device waits for that.
final class FirstStart: Sendable {
    private let outcome = Mutex<Result<Void, DeviceError>?>(nil)
    private let semaphore = Semaphore()

    /// Tells; only the first time counts.
    func tell(_ result: Result<Void, DeviceError>) {
        let isFirst = outcome.withLock { outcome in
            defer { outcome = outcome ?? result }
            return outcome == nil
        }
        if isFirst { semaphore.post() }
    }

    /// Waits until it has been told; call it once.
    func wait() throws(DeviceError) {
        semaphore.wait()
        if case .failure(let error)? = outcome.withLock({ $0 }) { throw error }
    }
}
