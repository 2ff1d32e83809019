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
