import DarisCore

/// How long a run lasts, and the seed of whatever is random in it.
package struct RunSettings: Hashable, Sendable, Codable {
    /// The time during which jobs are released; 10 s if not given.
    package var duration: Nanoseconds
    /// The seed of random phases, arrivals and inputs, and the order of measurements; 1 if not given.
    package var seed: UInt64

    /// The settings of a run.
    package init(duration: Nanoseconds = .seconds(10 as Int64), seed: UInt64 = 1) {
        self.duration = duration
        self.seed = seed
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
