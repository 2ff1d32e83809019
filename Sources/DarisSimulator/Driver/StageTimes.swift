import DarisCore

/// How long stages take on the simulated device.
package enum StageTimes: Sendable {
    /// Always their AFET.
    case constant
    /// Their AFET times a factor drawn evenly from a range, from a seed.
    case noisy(seed: UInt64, factors: ClosedRange<Double>)
    /// Whatever a function of task, stage and lane says.
    case custom(@Sendable (_ task: Int, _ stage: Int, _ lane: Int) -> Nanoseconds)
}
