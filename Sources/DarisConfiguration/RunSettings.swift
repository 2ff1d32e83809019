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
