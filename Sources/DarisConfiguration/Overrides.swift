import DarisCore

extension TaskSet {
    /// Values that take the place of those in a file, as options of a command line do; `nil` leaves the file's value.
    package struct Overrides: Hashable, Sendable, Codable {
        /// `--device`
        package var device: String?
        /// `--kind`: how contexts get their share of the device.
        package var kind: PartitionKind?
        /// `--isolation`: whether contexts are processes.
        package var isolation: Isolation?
        /// `--contexts`: N_c.
        package var contexts: Int?
        /// `--streams`: N_s.
        package var streams: Int?
        /// `--oversubscription`: OS.
        package var oversubscription: Double?
        /// `--express`: express lanes of each context.
        package var express: Int?
        /// `--load`: as a ratio, 1.5 for 150 %.
        package var load: Double?
        /// `--duration`
        package var duration: Nanoseconds?
        /// `--seed`
        package var seed: UInt64?
        /// `--policy`
        package var policy: SchedulingPolicy?
        /// `--window`: w_s.
        package var window: Int?
        /// Ablation: the all-time maximum in place of MRET.
        package var worstCaseExecutionTime: Bool?
        /// Ablation: the level of last stages.
        package var lastStageLevel: Bool?
        /// Ablation: the level of late stages.
        package var lateLevel: Bool?
        /// Ablation: HP before LP.
        package var fixedPriority: Bool?
        /// Ablation: migration.
        package var migration: Bool?
        /// Ablation: the admission test.
        package var admission: Bool?
        /// Ablation: forgetting execution times that lock a task out.
        package var forgetting: Bool?
        /// Ablation: cutting models into stages.
        package var staging: Bool?
        /// `--batching`: the most jobs that may run a stage together; 1 switches batching off.
        package var batching: Int?
        /// `--rules`
        package var rules: Rules?

        /// Overrides of the values given.
        package init(
            device: String? = nil, kind: PartitionKind? = nil, isolation: Isolation? = nil, contexts: Int? = nil,
            streams: Int? = nil, oversubscription: Double? = nil, express: Int? = nil, load: Double? = nil,
            duration: Nanoseconds? = nil, seed: UInt64? = nil, policy: SchedulingPolicy? = nil,
            window: Int? = nil, worstCaseExecutionTime: Bool? = nil, lastStageLevel: Bool? = nil,
            lateLevel: Bool? = nil, fixedPriority: Bool? = nil, migration: Bool? = nil, admission: Bool? = nil,
            forgetting: Bool? = nil, staging: Bool? = nil, batching: Int? = nil, rules: Rules? = nil
        ) {
            self.device = device
            self.kind = kind
            self.isolation = isolation
            self.contexts = contexts
            self.streams = streams
            self.oversubscription = oversubscription
            self.express = express
            self.load = load
            self.duration = duration
            self.seed = seed
            self.policy = policy
            self.window = window
            self.worstCaseExecutionTime = worstCaseExecutionTime
            self.lastStageLevel = lastStageLevel
            self.lateLevel = lateLevel
            self.fixedPriority = fixedPriority
            self.migration = migration
            self.admission = admission
            self.forgetting = forgetting
            self.staging = staging
            self.batching = batching
            self.rules = rules
        }
    }

    /// Puts `overrides` in the place of the file's values.
    ///
    /// - Throws: An error that names the option, if a value is outside `Limits` or does not go with the others; the
    ///   task set is unchanged then.
    package mutating func apply(_ overrides: Overrides) throws(ConfigurationError) {
        var result = self
        if let device = overrides.device {
            if let problem = TaskSet.problem(withDevice: device) {
                throw ConfigurationError(field: "--device", message: problem)
            }
            result.device = device
            if let kind = result.partitionKind, !PartitionKind.kinds(ofDevice: device).contains(kind) {
                result.partitionKind = nil
            }
        }
        result.partition = try TaskSet.partition(partition, overriddenBy: overrides)
        try result.apply(kind: overrides.kind)
        if let load = overrides.load {
            guard Limits.load.contains(load) else {
                throw ConfigurationError(
                    field: "--load", message: "\(Quantity.formatShare(load)) is outside 1 % to 10000 %")
            }
            result.load = load
        }
        if let duration = overrides.duration {
            guard Limits.duration.contains(duration) else {
                throw ConfigurationError(
                    field: "--duration",
                    message:
                        "\(Quantity.format(duration)) is outside \(Quantity.format(Limits.duration.lowerBound)) to "
                        + Quantity.format(Limits.duration.upperBound))
            }
            result.run.duration = duration
        }
        if let isolation = overrides.isolation { result.isolation = isolation }
        if let seed = overrides.seed { result.run.seed = seed }
        if let policy = overrides.policy { result.scheduler.policy = policy }
        if let window = overrides.window {
            result.scheduler.windowSize = try TaskSet.checked(window, in: Limits.window, option: "--window")
        }
        if let value = overrides.worstCaseExecutionTime { result.scheduler.worstCaseExecutionTime = value }
        if let value = overrides.lastStageLevel { result.scheduler.lastStageLevel = value }
        if let value = overrides.lateLevel { result.scheduler.lateLevel = value }
        if let value = overrides.fixedPriority { result.scheduler.fixedPriority = value }
        if let value = overrides.migration { result.scheduler.migration = value }
        if let value = overrides.admission { result.scheduler.admission = value }
        if let value = overrides.forgetting { result.scheduler.forgetting = value }
        if let value = overrides.staging { result.staging = value }
        if let jobs = overrides.batching {
            let checked = try TaskSet.checked(jobs, in: 1...Limits.batching.upperBound, option: "--batching")
            result.scheduler.batching = checked == 1 ? nil : checked
        }
        if let rules = overrides.rules { result.scheduler.rules = rules.options }
        try result.apply(express: overrides.express)
        if let problem = result.rulesProblem { throw ConfigurationError(field: "--rules", message: problem) }
        self = result
    }

    private mutating func apply(express: Int?) throws(ConfigurationError) {
        if let express {
            partition.express = try TaskSet.checked(express, in: Limits.express, option: "--express")
            asksForExpress = true
        }
        chooseExpress()
        if let problem = expressProblem {
            throw ConfigurationError(field: express == nil ? "partition.express" : "--express", message: problem)
        }
    }

    private mutating func apply(kind: PartitionKind?) throws(ConfigurationError) {
        if let kind {
            let kinds = PartitionKind.kinds(ofDevice: device)
            guard kinds.contains(kind) else {
                throw ConfigurationError(
                    field: "--kind",
                    message: "'\(kind.rawValue)' is not a kind of partition of device \(device); use "
                        + kinds.map(\.rawValue).joined(separator: ", "))
            }
            partitionKind = kind
        } else if partitionKind == .streams && partition.contexts > 1 {
            partitionKind = nil
        }
        if let problem = PartitionKind.problem(with: partitionKind, contexts: partition.contexts) {
            throw ConfigurationError(field: "--kind", message: problem)
        }
    }

    private static func partition(
        _ partition: Partition, overriddenBy overrides: Overrides
    ) throws(ConfigurationError) -> Partition {
        var result = partition
        if let contexts = overrides.contexts {
            result.contexts = try checked(contexts, in: Limits.contexts, option: "--contexts")
        }
        if let streams = overrides.streams {
            result.streams = try checked(streams, in: Limits.streams, option: "--streams")
        }
        if let oversubscription = overrides.oversubscription {
            guard (1...Double(result.contexts)).contains(oversubscription) else {
                throw ConfigurationError(
                    field: "--oversubscription",
                    message:
                        "\(Quantity.formatNumber(oversubscription)) is outside 1 to \(result.contexts), the number "
                        + "of contexts")
            }
            result.oversubscription = oversubscription
        } else if result.oversubscription > Double(result.contexts) {
            throw ConfigurationError(
                field: "--contexts",
                message: "\(result.contexts) is below the file's oversubscription of "
                    + "\(Quantity.formatNumber(result.oversubscription)); give --oversubscription also, from 1 to "
                    + "\(result.contexts)")
        }
        return result
    }

    private static func checked(
        _ value: Int, in range: ClosedRange<Int>, option: String
    ) throws(ConfigurationError) -> Int {
        guard range.contains(value) else {
            throw ConfigurationError(
                field: option, message: "\(value) is outside \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}
