internal import DarisCore

extension SchedulerOptions {
    /// Reads `scheduler:`; without it, the paper's algorithm, with stages.
    static func read(_ field: Field?) throws(ConfigurationError) -> (options: SchedulerOptions, staging: Bool) {
        var options = SchedulerOptions()
        guard let field else { return (options, true) }
        let section = try Section(
            field,
            keys: [
                "policy", "window", "wcet", "last_stage_level", "late_level", "fixed_priority", "migration",
                "admission", "forgetting", "staging",
            ], example: "{policy: daris, window: 5}")
        if let policy = section["policy"] {
            options.policy = try policy.choice(SchedulingPolicy.allCases.map { ($0.rawValue, $0) })
        }
        if let window = section["window"] { options.windowSize = try window.integer(in: Limits.window) }
        if let value = try section["wcet"]?.bool() { options.worstCaseExecutionTime = value }
        if let value = try section["last_stage_level"]?.bool() { options.lastStageLevel = value }
        if let value = try section["late_level"]?.bool() { options.lateLevel = value }
        if let value = try section["fixed_priority"]?.bool() { options.fixedPriority = value }
        if let value = try section["migration"]?.bool() { options.migration = value }
        if let value = try section["admission"]?.bool() { options.admission = value }
        if let value = try section["forgetting"]?.bool() { options.forgetting = value }
        return (options, try section["staging"]?.bool() ?? true)
    }
}
