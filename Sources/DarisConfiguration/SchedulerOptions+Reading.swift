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
                "admission", "forgetting", "staging", "batching", "batching_without", "rules",
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
        if let field = section["batching_without"] {
            guard options.batching != nil else {
                throw field.error(
                    "there are no rules of batching to switch off: batching is off; write 'batching: on' too")
            }
            let choices = BatchingRule.allCases.map { ($0.rawValue, $0) }
            for item in try field.elements(example: "cohesion") {
                options.batchingRules.remove(try item.choice(choices))
            }
        }
        if let rules = section["rules"] {
            options.rules = try rules.choice(Rules.allCases.map { ($0.rawValue, $0.options) })
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

extension Partition {
    /// Reads `partition:`; without it the device is one lane.
    init(_ field: Field?) throws(ConfigurationError) {
        self.init(contexts: 1, streams: 1, oversubscription: 1)
        guard let field else { return }
        let section = try Section(
            field, keys: ["contexts", "streams", "oversubscription", "express", "kind"],
            example: "{contexts: 2, streams: 1, oversubscription: 1}")
        if let contexts = section["contexts"] { self.contexts = try contexts.integer(in: Limits.contexts) }
        if let streams = section["streams"] { self.streams = try streams.integer(in: Limits.streams) }
        if let express = section["express"] { self.express = try express.integer(in: Limits.express) }
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
}

extension PartitionKind {
    /// The kinds that a device has; those that are only simulated are GPUs.
    static func kinds(ofDevice device: String) -> [PartitionKind] {
        (DeviceKind.named(device) ?? .cuda).partitionKinds
    }

    /// Reads the kind of `partition:`, if it is given.
    static func read(
        _ field: Field?, device: String, contexts: Int
    ) throws(ConfigurationError) -> PartitionKind? {
        guard let mapping = field?.node.mapping, let node = mapping["kind"], let field else { return nil }
        let kindField = Field(node: node, file: field.file, path: "\(field.path).kind")
        let text = try kindField.text("a kind of partition", example: kinds(ofDevice: device)[0].rawValue)
        guard let kind = kinds(ofDevice: device).first(where: { $0.rawValue == text }) else {
            throw kindField.error(
                "\(text.quoted) is not a kind of partition for device \(device); "
                    + DeviceKind.all.map(\.partitionUsage).joined(separator: "; "))
        }
        if let problem = problem(with: kind, contexts: contexts) { throw kindField.error(problem) }
        return kind
    }

    /// Why a kind does not go with a number of contexts, if so.
    static func problem(with kind: PartitionKind?, contexts: Int) -> String? {
        guard kind == .streams, contexts > 1 else { return nil }
        return "kind streams has one context, not \(contexts); use mps or green, or 'contexts: 1'"
    }
}
