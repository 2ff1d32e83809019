import DarisCore
import DarisRuntime
import DequeModule
import Foundation
import Synchronization

/// Threads that read requests and write answers where that takes long: JSON, compressed bodies. They are neither those that
/// move bytes nor those that run stages, and requests of high priority have their own.
///
/// A thread for low priority makes way for every thread of usual priority (SCHED_IDLE), so it takes no processor from a lane
/// that runs high priority. One for high priority shares a processor with such a lane by the kernel's time slices.
/// A request waits here twice at most, to be read and to be answered, so as many wait as there may be requests at a time, and
/// what they hold is counted in the server's bytes.
final class CodingPool: Sendable {
    /// The work of one priority, and the threads that do it.
    private final class Queue: Sendable {
        private struct State {
            var waiting: Deque<@Sendable () -> Void> = []
            var isEnding = false
        }

        private let state = Mutex(State())
        private let signal = DispatchSemaphore(value: 0)

        func add(_ work: @escaping @Sendable () -> Void) {
            state.withLock { $0.waiting.append(work) }
            signal.signal()
        }

        func run() {
            while true {
                signal.wait()
                guard let work = state.withLock({ $0.isEnding ? nil : $0.waiting.popFirst() }) else { return }
                work()
            }
        }

        func end(threads: Int) {
            state.withLock { $0.isEnding = true }
            for _ in 0..<threads { signal.signal() }
        }
    }

    /// By `Priority.rawValue`.
    private let queues = Priority.allCases.map { _ in Queue() }
    private let threads: Int

    /// - Parameter threads: of each priority.
    init(threads: Int = max(1, ProcessInfo.processInfo.activeProcessorCount / 4)) {
        self.threads = threads
        for priority in Priority.allCases {
            let queue = queues[Int(priority.rawValue)]
            for index in 0..<threads {
                _ = DedicatedThread.required(
                    .init(name: "daris-code.\(priority.word.first!)\(index)", makesWay: priority == .low)
                ) { queue.run() }
            }
        }
    }

    deinit { for queue in queues { queue.end(threads: threads) } }

    /// Does something on a thread of a priority, in the order of the calls.
    func run(_ priority: Priority, _ work: @escaping @Sendable () -> Void) { queues[Int(priority.rawValue)].add(work) }
}
