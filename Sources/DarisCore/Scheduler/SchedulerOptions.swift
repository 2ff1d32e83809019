/// In which order ready stages go to the lanes of their context, and with it how jobs are admitted.
public enum SchedulingPolicy: String, Hashable, Sendable, Codable, CaseIterable {
    /// The paper's algorithm: eight levels, admission, migration.
    case daris
    /// A baseline: earliest job deadline first, no priorities, every job admitted.
    case edf
    /// A baseline: first released, first served, no priorities, every job admitted.
    case fifo
}

/// The switches of the scheduler. The defaults are the paper's algorithm; the rest are its ablations.
public struct SchedulerOptions: Hashable, Sendable, Codable {
    /// The policy; the two baselines ignore every other switch but `windowSize` and `worstCaseExecutionTime`.
    public var policy = SchedulingPolicy.daris
    /// w_s: how many recent execution times MRET looks back on, 1 to 1024.
    public var windowSize = 5
    /// Ablation: the all-time maximum (WCET) in place of MRET.
    public var worstCaseExecutionTime = false
    /// Whether the last stage of a job goes before other stages of its priority.
    public var lastStageLevel = true
    /// Whether a stage whose predecessor was late goes before other stages of its priority.
    public var lateLevel = true
    /// Whether HP goes before LP; off, all stages are one priority (EDF alone).
    public var fixedPriority = true
    /// Whether an LP job may go to another context than its own.
    public var migration = true
    /// Whether LP jobs must pass the admission test.
    public var admission = true

    /// Whether an LP task that no context could admit however idle forgets its oldest execution times, release by
    /// release, until it fits again. The paper's rule is that it does not, and so is locked out for good
    /// (docs/decisions/0002).
    public var forgetting = true

    /// The rules of the authors' published implementation in place of the paper's text; `nil` for the text
    /// (docs/decisions/0021). Without batching and express lanes alone.
    public var rules: PublishedRules?

    /// Dynamic batching, beyond the paper: the most jobs that may run a stage together, 2 to 64; `nil` if every job runs
    /// alone (docs/decisions/0010). The baselines never batch.
    public var batching: Int?

    /// The rules of batching that are active; none matters where batching is off.
    public var batchingRules = Set(BatchingRule.allCases)

    /// The largest `windowSize`.
    public static let windowLimit = 1024

    /// The `batching` of one who does not say how large batches may be.
    package static let usualBatching = 8

    /// The paper's algorithm.
    public init() {}

    /// Whether jobs of a priority must pass the admission test.
    func tests(_ priority: Priority) -> Bool { priority == .low && policy == .daris && admission }

    /// Whether HP stages go before LP stages, without which there can be no express lanes.
    package var hasFixedPriorities: Bool { policy == .daris && fixedPriority }

    /// The most jobs that may run a stage together: 1 if nothing is batched.
    package var largestBatch: Int { policy == .daris ? batching ?? 1 : 1 }

    /// Whether a rule of batching is active.
    package func follows(_ rule: BatchingRule) -> Bool { largestBatch > 1 && batchingRules.contains(rule) }
}

extension SchedulerOptions {
    private enum CodingKeys: String, CodingKey {
        case policy, windowSize, worstCaseExecutionTime, lastStageLevel, lateLevel, fixedPriority, migration, admission
        case forgetting, batching, batchingRules, rules
    }

    /// Reads options. With batching but without rules they are those of records from before there were any.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        policy = try values.decode(SchedulingPolicy.self, forKey: .policy)
        windowSize = try values.decode(Int.self, forKey: .windowSize)
        worstCaseExecutionTime = try values.decode(Bool.self, forKey: .worstCaseExecutionTime)
        lastStageLevel = try values.decode(Bool.self, forKey: .lastStageLevel)
        lateLevel = try values.decode(Bool.self, forKey: .lateLevel)
        fixedPriority = try values.decode(Bool.self, forKey: .fixedPriority)
        migration = try values.decode(Bool.self, forKey: .migration)
        admission = try values.decode(Bool.self, forKey: .admission)
        forgetting = try values.decode(Bool.self, forKey: .forgetting)
        rules = try values.decodeIfPresent(PublishedRules.self, forKey: .rules)
        batching = try values.decodeIfPresent(Int.self, forKey: .batching)
        guard batching != nil else { return }
        batchingRules = Set(try values.decodeIfPresent([BatchingRule].self, forKey: .batchingRules) ?? [.safetyFactor])
    }

    /// Writes options; the rules of batching where it is on.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(policy, forKey: .policy)
        try values.encode(windowSize, forKey: .windowSize)
        try values.encode(worstCaseExecutionTime, forKey: .worstCaseExecutionTime)
        try values.encode(lastStageLevel, forKey: .lastStageLevel)
        try values.encode(lateLevel, forKey: .lateLevel)
        try values.encode(fixedPriority, forKey: .fixedPriority)
        try values.encode(migration, forKey: .migration)
        try values.encode(admission, forKey: .admission)
        try values.encode(forgetting, forKey: .forgetting)
        try values.encodeIfPresent(rules, forKey: .rules)
        try values.encodeIfPresent(batching, forKey: .batching)
        guard batching != nil else { return }
        try values.encode(batchingRules.sorted { $0.rawValue < $1.rawValue }, forKey: .batchingRules)
    }
}
