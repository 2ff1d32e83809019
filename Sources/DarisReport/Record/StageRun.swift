import DarisCore

/// What ran on a lane from one dispatch to its end: a stage of one job, or of several that ran it together.
struct StageRun: Sendable, Hashable {
    /// How it ended.
    enum End: UInt8, Sendable { case completed, failed, lost, unfinished }

    /// Index of the lane among those of all contexts.
    let lane: Int
    /// Index of the stage, from 0.
    let stage: Int
    /// The job that was dispatched, then those that had joined it.
    let jobs: [JobID]
    /// How long it was expected to take: MRET, or for a batch the longest recent time of batches of its size.
    let expected: Nanoseconds
    /// When it was dispatched.
    let start: Nanoseconds
    /// When the scheduler was told of its end.
    var end: Nanoseconds
    /// Its execution time on the device, where it completed.
    var measured: Nanoseconds?
    /// How it ended.
    var outcome = End.unfinished

    /// From dispatch to end.
    var duration: Nanoseconds { end - start }
    /// By how much it took longer than expected; zero if it did not.
    var overrun: Nanoseconds { measured.map { max(.zero, $0 - expected) } ?? .zero }

    /// How much of it lay between two moments.
    func overlap(_ from: Nanoseconds, _ to: Nanoseconds) -> Nanoseconds { max(.zero, min(end, to) - max(start, from)) }
}
