/// The rules of dynamic batching for a device that one inference cannot fill. All are active where batching is on, unless they
/// are switched off one by one, as `daris ablate` does; `docs/scheduling.md` explains them.
public enum BatchingRule: String, Hashable, Sendable, Codable, CaseIterable {
    /// A size whose batches could not run twice in a row within θ of the shortest deadline of its group is never used.
    case sizes
    /// A job costs what it would in the largest batch that the deadline allows, if that is less than its share of the lane's time.
    case cost
    /// Until when a batch may last follows from what batches take, not from what its jobs would take alone.
    case bounds
    /// A first stage that few jobs could run with yet lets riper ones go first, as long as it can wait.
    case ripest
    /// The jobs of a batch go on together on their lane, unless an HP job has waited for half of its deadline.
    case cohesion
    /// An LP job starts only where its predicted finish is within its deadline.
    case forecast
    /// The admission test multiplies the utilisation of LP jobs by a safety factor that is learnt from late ones.
    case safetyFactor = "safety_factor"
    /// The safety factor takes a job for late from 95 % of its deadline on.
    case nearMisses = "near_misses"
    /// A network whose number of stages is left open stays whole where a batch of 8 jobs or more may then be used.
    case wholeNetworks = "whole_networks"
    /// Batches are measured beside equal batches, not beside single jobs.
    case equalNeighbours = "equal_neighbours"
}

extension BatchingRule {
    /// θ in percent: twice the time of a batch of a used size is at most this part of the shortest deadline of its group.
    static let deadlinePercent: Int64 = 80

    /// Whether batches that take `time` may run twice in a row within θ of a deadline.
    package static func allows(_ time: Nanoseconds, within deadline: Nanoseconds) -> Bool {
        (time + time).rawValue <= deadline.scaled(by: deadlinePercent, over: 100).rawValue
    }

    /// How many jobs of a whole network must be able to run together for it not to be cut.
    package static let leastWholeBatch = 8

    /// Which part of the largest size must be ready for a first stage to be ripe: one half.
    static let ripeShare = 2
    /// By how many halves of the largest batch's time before its deadline a first stage waits no longer.
    static func slackHalves(_ priority: Priority) -> Int64 { priority == .high ? 4 : 3 }
    /// From which part of its deadline on an LP job counts as late, in percent.
    static let nearPercent: Int64 = 95
}
