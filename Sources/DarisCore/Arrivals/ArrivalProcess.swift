/// How the releases of a task are spread over time, given its period T.
///
/// Times that stand here are facts about the world and stay as they are when periods are scaled; what is not given
/// follows the period.
package enum ArrivalProcess: Hashable, Sendable, Codable {
    /// Release k at phase + k·T.
    case periodic
    /// Release k at phase + k·T + a random delay, uniform from zero up to but without `jitter`.
    ///
    /// A jitter longer than the period counts as the period, so that the releases keep their order.
    case jittered(Nanoseconds)
    /// Gaps of T, the least inter-arrival time, plus a random time, exponential with mean `meanExtraGap`; T/4 if not
    /// given, so that releases come at 4/5 of the highest rate allowed. The first release is at the phase.
    case sporadic(meanExtraGap: Nanoseconds?)
    /// Random gaps, exponential with mean T, independent of each other and of the past. The first ends the first gap.
    case poisson
    /// On and off spans by turns, their lengths exponential with means `on` and `off`: a release as an on span begins
    /// and then every T until it ends, none while off.
    ///
    /// The run begins within either, with the probability that an observer would find it so.
    case bursts(on: Nanoseconds, off: Nanoseconds)
    /// Releases at these times after the phase, and none after the last. They must not decrease.
    case trace([Nanoseconds])
}
