import CDarisSystem
import Glibc

/// A POSIX semaphore: posting to one that no thread waits for, and waiting for one that has been posted, are a few
/// instructions without a system call.
final class Semaphore: @unchecked Sendable {
    // Unchecked: a sem_t is made to be used from several threads, and the pointer never changes.
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        let result = sem_init(semaphore, 0, 0)
        precondition(result == 0, "sem_init failed with error \(errno)")
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func post() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0 && errno == EINTR {}
    }

    /// Takes what has been posted without waiting; `false` if there is nothing.
    func tryWait() -> Bool { sem_trywait(semaphore) == 0 }

    /// Waits at most `seconds`; `false` if nothing was posted by then.
    func wait(seconds: Double) -> Bool {
        let until = daris_monotonic_nanoseconds() + Int64(seconds * 1e9)
        return daris_semaphore_wait_until(semaphore, until) == 0
    }
}
