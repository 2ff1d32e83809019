import CDarisSystem

/// What this process may use of the machine.
public struct SystemRights: Sendable {
    /// The processors it may run on, by number.
    public let processors: [Int]
    /// Whether its threads may have SCHED_FIFO.
    public let fifo: Bool
    /// Whether it may lock enough memory (mlockall).
    public let memoryLock: Bool

    /// Finds out, by trying on a thread of its own where that is the only way.
    public static func probe() -> SystemRights {
        let answer = Answer()
        let thread = DedicatedThread(.init(name: "daris-probe")) {
            answer.fifo = daris_set_fifo_priority(1) == 0
        }
        thread.join()
        return SystemRights(
            processors: allowedProcessors(), fifo: answer.fifo, memoryLock: daris_may_lock_memory() == 1)
    }

    /// The processors this thread may run on.
    public static func allowedProcessors() -> [Int] {
        var processors = [Int32](repeating: 0, count: 1024)
        let count = daris_get_affinity(&processors, Int32(processors.count))
        return count > 0 ? processors.prefix(Int(count)).map(Int.init) : [0]
    }

    /// Keeps all memory of the process from being paged out; `false` if the system refuses.
    static func lockMemory() -> Bool { daris_lock_memory() == 0 }

    private final class Answer: @unchecked Sendable {
        // Unchecked: written by the probing thread, read after it has been joined.
        var fifo = false
    }
}
