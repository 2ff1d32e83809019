import DarisCore

/// Something that goes wrong, or is changed, while a system runs. Times are of the virtual run.
package enum Fault: Hashable, Sendable, Codable {
    /// Stages of a task that start from `from` until `until` take `factor` times as long.
    case slow(task: Int, from: Nanoseconds, until: Nanoseconds, factor: Double)
    /// Every `every`-th stage of a task fails.
    case failing(task: Int, every: Int)
    /// A context is lost, and comes back if `restored` is given.
    case lostContext(Int, at: Nanoseconds, restored: Nanoseconds?)
    /// The clock that the scheduler is told jumps by `by`, forwards or backwards, and stays so.
    case clockStep(at: Nanoseconds, by: Nanoseconds)
    /// A task is released `count` times at once, beyond what its queue holds.
    case burst(task: Int, at: Nanoseconds, count: Int)
    /// A job of a task is cancelled, whether it has been released, has ended or neither.
    case cancelled(task: Int, sequence: Int, at: Nanoseconds)
    /// A task is taken out, and comes back if `added` is given.
    case removedTask(Int, at: Nanoseconds, added: Nanoseconds?)
}
