import DarisCore
import DarisRuntime

/// What a run came to.
public struct RunSummary: Hashable, Sendable {
    /// The jobs of a priority or of a task.
    @dynamicMemberLookup
    public struct Group: Hashable, Sendable {
        /// What became of them; its members are this value's too.
        public let figures: JobFigures
        /// From release to end of the completed jobs.
        public let response: Times
        /// Completed inferences a second.
        public let throughput: Double

        init(_ group: DarisCore.RunSummary.Group) {
            figures = JobFigures(group)
            response = Times(group.responseMs)
            throughput = group.jps
        }

        /// A member of the figures.
        public subscript<Value>(dynamicMember member: KeyPath<JobFigures, Value>) -> Value { figures[keyPath: member] }
    }

    /// Mean, percentiles and maximum of times; all are zero if `count` is.
    public struct Times: Hashable, Sendable {
        /// How many times these figures are of.
        public let count: Int
        /// The mean.
        public let mean: Duration
        /// The median, to about 1 %.
        public let p50: Duration
        /// The time that 95 % do not exceed, to about 1 %.
        public let p95: Duration
        /// The time that 99 % do not exceed, to about 1 %.
        public let p99: Duration
        /// The longest.
        public let max: Duration

        init(_ times: DarisCore.RunSummary.Times) {
            count = times.count
            mean = .milliseconds(times.mean)
            p50 = .milliseconds(times.p50)
            p95 = .milliseconds(times.p95)
            p99 = .milliseconds(times.p99)
            max = .milliseconds(times.max)
        }
    }

    /// A message of the device, and how many jobs it ended.
    public struct Failure: Hashable, Sendable {
        /// The name of their task.
        public let task: String
        /// The device's words.
        public let message: String
        /// How many jobs.
        public let count: Int
    }

    /// From the start until the last job ended.
    public let elapsed: Duration
    /// The jobs of high priority.
    public let high: Group
    /// The jobs of low priority.
    public let low: Group
    /// The jobs of each task, by its name.
    public let tasks: [String: Group]
    /// What the device said of jobs that failed.
    public let failures: [Failure]
    /// Why the device runs nothing any more, if it was lost for good.
    public let loss: String?

    init(_ outcome: Executor<MachineDevice>.Outcome) {
        let summary = outcome.summary
        elapsed = .seconds(summary.elapsedS)
        high = Group(summary.hp)
        low = Group(summary.lp)
        tasks = Dictionary(summary.tasks.map { ($0.name, Group($0.figures)) }) { first, _ in first }
        failures = outcome.errors.map { Failure(task: $0.task, message: $0.message, count: $0.count) }
        loss = outcome.loss?.description
    }
}
