internal import DarisCore

extension Partition {
    /// What kinds of spatial sharing each device has.
    private static let kinds = [("cpu", ["cores"]), ("cuda", ["streams", "green", "mps"])]

    /// Reads `partition:`; without it the device is one lane.
    init(_ field: Field?, device: String) throws(ConfigurationError) {
        self.init(contexts: 1, streams: 1, oversubscription: 1)
        guard let field else { return }
        let section = try Section(
            field, keys: ["contexts", "streams", "oversubscription", "kind"],
            example: "{contexts: 2, streams: 1, oversubscription: 1}")
        if let kind = section["kind"] { try Partition.checkKind(kind, device: device) }
        if let contexts = section["contexts"] { self.contexts = try contexts.integer(in: Limits.contexts) }
        if let streams = section["streams"] { self.streams = try streams.integer(in: Limits.streams) }
        if let oversubscription = section["oversubscription"] {
            let text = try oversubscription.text("a number from 1 to the number of contexts", example: "1")
            guard let value = Quantity.number(text) else {
                throw oversubscription.error(
                    "\(text.quoted) is not a number; write one from 1 to \(contexts), the number of contexts")
            }
            guard (1...Double(contexts)).contains(value) else {
                throw oversubscription.error("\(text.quoted) is outside 1 to \(contexts), the number of contexts")
            }
            self.oversubscription = value
        }
    }

    private static func checkKind(_ field: Field, device: String) throws(ConfigurationError) {
        let text = try field.text("a kind of partition", example: "cores")
        let allowed = kinds.first { $0.0 == device }?.1 ?? []
        guard !allowed.contains(text) else { return }
        let rule = kinds.map { "device \($0.0) has \($0.1.joined(separator: ", "))" }.joined(separator: "; ")
        throw field.error("\(text.quoted) is not a kind of partition for device \(device); \(rule)")
    }
}

extension SchedulerOptions {
    /// Reads `scheduler:`; without it, the paper's algorithm, with stages.
    static func read(_ field: Field?) throws(ConfigurationError) -> (options: SchedulerOptions, staging: Bool) {
        var options = SchedulerOptions()
        guard let field else { return (options, true) }
        let section = try Section(
            field,
            keys: [
                "policy", "window", "wcet", "last_stage_level", "late_level", "fixed_priority", "migration",
                "admission", "staging",
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
        return (options, try section["staging"]?.bool() ?? true)
    }
}

extension RunSettings {
    /// Reads `run:`; without it, 10 s with seed 1.
    init(_ field: Field?) throws(ConfigurationError) {
        self.init()
        guard let field else { return }
        let section = try Section(field, keys: ["duration", "seed"], example: "{duration: 10 s, seed: 1}")
        if let duration = section["duration"] { self.duration = try duration.duration(in: Limits.duration) }
        if let seed = section["seed"] { self.seed = try seed.integer(in: UInt64.min...UInt64.max) }
    }
}
