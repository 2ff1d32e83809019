import DarisCore

/// When the jobs of a task come, as a task set declares it.
///
/// ```yaml
/// tasks:
///   - {name: front, model: resnet18, rate: 20 Hz, priority: high, arrival: {jitter: 5 ms}}
///   - {name: door, model: resnet18, rate: 20 Hz, priority: low, arrival: {trace: times.txt}}
/// ```
package enum ArrivalPattern: Hashable, Sendable, Codable {
    /// One each period.
    case periodic
    /// One each period, put off by a random time below this one.
    case jitter(Nanoseconds)
    /// In real time from outside, by submission; the period is the least time between two of them. A simulation draws
    /// the time beyond the period, exponential with this mean; a quarter of the period if not given.
    case sporadic(meanExtraGap: Nanoseconds? = nil)
    /// At random, on average one each period.
    case poisson
    /// One each period during on spans, none during off spans, which are as long as these on average.
    case bursts(on: Nanoseconds, off: Nanoseconds)
    /// At the times of a file, whose path is relative to the working folder, or absolute.
    case trace(path: String, times: [Nanoseconds])

    /// The process that makes the releases, where the clock does.
    package var process: ArrivalProcess {
        switch self {
        case .periodic: .periodic
        case .jitter(let jitter): .jittered(jitter)
        case .sporadic(let meanExtraGap): .sporadic(meanExtraGap: meanExtraGap)
        case .poisson: .poisson
        case .bursts(let on, let off): .bursts(on: on, off: off)
        case .trace(_, let times): .trace(times)
        }
    }

    /// Whether it comes from outside in real time.
    package var isSporadic: Bool {
        if case .sporadic = self { true } else { false }
    }
}
