import DarisCore

extension SchedulerOptions {
    /// Reads `scheduler:`; without it, the paper's algorithm, with stages.
    static func read(_ field: Field?) throws(ConfigurationError) -> (options: SchedulerOptions, staging: Bool) {
        var options = SchedulerOptions()
        guard let field else { return (options, true) }
        let section = try Section(
            field,
            keys: [
                "policy", "window", "wcet", "last_stage_level", "late_level", "fixed_priority", "migration",
                "admission", "forgetting", "staging", "batching",
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
        if let field = section["batching"] {
            let text = try field.text("on, off or a whole number", example: "on")
            do { options.batching = try batching(text) } catch { throw field.error(error.message) }
        }
        return (options, try section["staging"]?.bool() ?? true)
    }

    /// The most jobs that may run a stage together: that of a number, of `on`, or `nil` of `off`.
    ///
    /// - Parameter field: what to name in an error.
    package static func batching(_ text: String, field: String = "") throws(ConfigurationError) -> Int? {
        switch text.lowercased() {
        case "on", "true": return usualBatching
        case "off", "false": return nil
        default:
            guard let jobs = Int(text), Limits.batching.contains(jobs) else {
                throw ConfigurationError(
                    field: field,
                    message: "\(text.quoted) is neither on nor off nor the most jobs of a batch, from "
                        + "\(Limits.batching.lowerBound) to \(Limits.batching.upperBound)")
            }
            return jobs
        }
    }
}
