/// Why a configuration cannot be scheduled.
public enum SchedulerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What of a task cannot be used.
    public enum TaskField: Hashable, Sendable {
        case period, deadline, afet, batch, instances, overrun, batchGroup
    }

    /// The partition has no or too many contexts or streams.
    case partition(contexts: Int, streams: Int)
    /// The oversubscription is below 1 or above the number of contexts.
    case oversubscription(Double, contexts: Int)
    /// There are more express lanes in a context than streams, or fewer than none.
    case express(Int, streams: Int)
    /// There are express lanes though HP does not go before LP.
    case expressWithoutPriorities
    /// The rules of the published implementation go with neither batching nor express lanes.
    case publishedRules
    /// The window of MRET is empty or too long.
    case windowSize(Int)
    /// There are too many tasks.
    case taskCount(Int)
    /// There are too many instances of all tasks together.
    case instances(Int)
    /// The homes are not one for each instance of each task, or not contexts of the partition.
    case homes(contexts: Int)
    /// The largest batch is too small or too large.
    case batching(Int)
    /// The sizes or times of a batch group cannot be used.
    case batchGroup(Int, reason: String)
    /// A field of a task cannot be used.
    case task(String, TaskField, reason: String)

    /// What is wrong and what would be right, in one sentence.
    public var description: String {
        switch self {
        case .partition(let contexts, let streams):
            "a partition has 1 to \(Partition.limit) contexts and streams, not \(contexts) × \(streams)"
        case .oversubscription(let value, let contexts):
            "the oversubscription of \(contexts) contexts is from 1 to \(contexts), not \(value)"
        case .express(let count, let streams):
            "a context of \(streams) stream\(streams == 1 ? "" : "s") has 0 to \(streams) express lanes, not \(count)"
        case .expressWithoutPriorities:
            "express lanes are for HP, which goes before LP under 'policy: daris' with fixed priorities alone; "
                + "say 'express: 0'"
        case .publishedRules:
            "'rules: published' is the authors' implementation, which has neither batches nor express lanes; say "
                + "'batching: off' and 'express: 0'"
        case .windowSize(let size):
            "the MRET window holds 1 to \(SchedulerOptions.windowLimit) samples, not \(size)"
        case .taskCount(let count):
            "at most \(SchedulerConfiguration.taskLimit) tasks can be scheduled, not \(count)"
        case .instances(let count):
            "the tasks may have at most \(SchedulerConfiguration.taskLimit) instances together, not \(count)"
        case .homes(let contexts): "each instance of a task needs a context from 0 to \(contexts - 1)"
        case .batching(let limit): "a batch may have 2 to \(BatchGroup.jobLimit) jobs, not \(limit)"
        case .batchGroup(let index, let reason): "batch group \(index): \(reason)"
        case .task(let name, _, let reason): "task '\(name)': \(reason)"
        }
    }
}
