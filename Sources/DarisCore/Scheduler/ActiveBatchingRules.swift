/// The rules of batching (`BatchingRule`) that the scheduler itself follows, looked up once: all off where nothing is batched.
struct ActiveBatchingRules: Sendable {
    /// `BatchingRule.cohesion`.
    let cohesion: Bool
    /// `BatchingRule.forecast`.
    let forecast: Bool
    /// `BatchingRule.safetyFactor`.
    let safetyFactor: Bool
    /// `BatchingRule.nearMisses`.
    let nearMisses: Bool

    /// The active rules of a configuration: none without groups of tasks that can run together.
    init(_ configuration: SchedulerConfiguration) {
        let isOn = !(configuration.batchGroups ?? []).isEmpty
        func isActive(_ rule: BatchingRule) -> Bool { isOn && configuration.options.follows(rule) }
        cohesion = isActive(.cohesion)
        forecast = isActive(.forecast)
        safetyFactor = isActive(.safetyFactor)
        nearMisses = isActive(.nearMisses)
    }
}
