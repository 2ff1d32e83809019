import Glibc
import Synchronization

/// Which thread somebody is, so that code can tell whether it runs there.
final class ThreadIdentity: Sendable {
    private let thread = Atomic<UInt>(0)

    /// Makes the calling thread the one.
    func claim() { thread.store(UInt(pthread_self()), ordering: .relaxed) }

    /// Whether the calling thread is the one.
    var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }
}
