/// The importance of a task.
public enum Priority: UInt8, Hashable, Sendable, Codable, CaseIterable {
    /// HP: always admitted, goes before every low-priority stage, must never miss a deadline.
    case high
    /// LP: admitted only where it fits.
    case low
}

/// What becomes of a job that has passed its deadline.
public enum LatenessRule: UInt8, Hashable, Sendable, Codable {
    /// It runs on to its end (the paper's rule).
    case run
    /// It is dropped at its deadline, or at the end of the stage that is running then.
    case drop
}

/// What becomes of a release while the task's previous job is still in flight.
public enum OverrunRule: Hashable, Sendable, Codable {
    /// The release is skipped.
    case skip
    /// The release waits for the previous job, at most `limit` of them at a time; one more is skipped.
    case queue(limit: Int)

    /// The limit of a queue whose length is not given.
    public static let defaultQueueLimit = 16
    /// The largest limit a queue may have.
    public static let largestQueueLimit = 65_536
}

/// One task τᵢ as the scheduler knows it: times, importance and rules, but not what its stages compute.
public struct TaskSpecification: Hashable, Sendable, Codable {
    /// A name for people; unique in a task set.
    public var name: String
    /// Tᵢ: the time between releases, or the least such time for a sporadic task.
    public var period: Nanoseconds
    /// Dᵢ: the time from release to deadline.
    public var deadline: Nanoseconds
    /// HP or LP.
    public var priority: Priority
    /// How many inferences one job makes.
    public var batch: Int
    /// How many jobs of it may be in flight at a time. They share its execution times; each has a home of its own.
    public var instances: Int
    /// What becomes of late jobs.
    public var lateness: LatenessRule
    /// What becomes of releases that come too early.
    public var overrun: OverrunRule
    /// The average full-load execution time of each stage (AFET), one entry a stage; it stands in for MRET until
    /// there is history.
    public var afet: [Nanoseconds]
    /// The tasks whose jobs its own may run with, as an index into the configuration's `batchGroups`; `nil` if none.
    public var batchGroup: Int?

    /// The largest `batch`.
    public static let batchLimit = 65_536
    /// The most `instances`.
    public static let instanceLimit = 256

    /// A task with the given times and rules; the deadline is the period if not given.
    public init(
        name: String, period: Nanoseconds, deadline: Nanoseconds? = nil, priority: Priority, batch: Int = 1,
        instances: Int = 1, lateness: LatenessRule = .run, overrun: OverrunRule = .skip, afet: [Nanoseconds],
        batchGroup: Int? = nil
    ) {
        self.name = name
        self.period = period
        self.deadline = deadline ?? period
        self.priority = priority
        self.batch = batch
        self.instances = instances
        self.lateness = lateness
        self.overrun = overrun
        self.afet = afet
        self.batchGroup = batchGroup
    }
}

extension TaskSpecification {
    /// Reads a task; one from before there were `instances` has one.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(String.self, forKey: .name),
            period: try values.decode(Nanoseconds.self, forKey: .period),
            deadline: try values.decode(Nanoseconds.self, forKey: .deadline),
            priority: try values.decode(Priority.self, forKey: .priority),
            batch: try values.decode(Int.self, forKey: .batch),
            instances: try values.decodeIfPresent(Int.self, forKey: .instances) ?? 1,
            lateness: try values.decode(LatenessRule.self, forKey: .lateness),
            overrun: try values.decode(OverrunRule.self, forKey: .overrun),
            afet: try values.decode([Nanoseconds].self, forKey: .afet),
            batchGroup: try values.decodeIfPresent(Int.self, forKey: .batchGroup))
    }
}

/// Places that are kept for tasks that come later (docs/decisions/0022).
extension TaskSpecification {
    /// A place that a task may take: it has no name, and is to be removed at the start.
    ///
    /// - Parameters:
    ///   - instances: the most instances of the task that takes it.
    ///   - stages: the most stages.
    package static func spare(instances: Int, stages: Int) -> TaskSpecification {
        TaskSpecification(
            name: "", period: .seconds(Int64(1)), priority: .low, instances: instances,
            afet: Array(repeating: .zero, count: stages))
    }

    /// Whether it is a place that no task has taken.
    package var isSpare: Bool { name.isEmpty }
}
