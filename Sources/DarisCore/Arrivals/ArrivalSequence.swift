#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The nominal release times of one task, counted from the start of the run.
///
/// They are strictly increasing, save that a trace may name a time more than once. The same process, period, phase and
/// seed give the same times, in the real-time executor and in the simulator.
///
/// ```swift
/// var arrivals = ArrivalSequence(.poisson, period: .milliseconds(50), phase: .zero, seed: 7)
/// while let time = arrivals.next(), time < duration { release(at: time) }
/// ```
///
/// `next()` takes constant time and allocates nothing.
package struct ArrivalSequence: Sequence, IteratorProtocol, Hashable, Sendable {
    private enum Course: Hashable, Sendable {
        case grid(period: Nanoseconds, jitter: Nanoseconds)
        case gaps(least: Nanoseconds, meanExtra: Nanoseconds)
        case bursts(period: Nanoseconds, on: Nanoseconds, off: Nanoseconds)
        case trace([Nanoseconds], phase: Nanoseconds)
    }

    private let course: Course
    private var generator: SplitMix64
    /// The next release, before its jitter; `distantFuture` after the last.
    private var upcoming: Nanoseconds
    /// The end of the on span that `upcoming` lies in.
    private var spanEnd = Nanoseconds.zero
    /// The index of `upcoming` in a trace.
    private var position = 0

    /// The sequence from its first release on.
    ///
    /// - Parameters:
    ///   - process: How the releases are spread.
    ///   - period: T, above zero.
    ///   - phase: What is added to all times.
    ///   - seed: Of whatever is random in the process.
    /// - Precondition: No time in `process` is negative.
    package init(_ process: ArrivalProcess, period: Nanoseconds, phase: Nanoseconds, seed: UInt64) {
        precondition(period > .zero, "releases need a period above zero, not \(period.rawValue) ns")
        generator = SplitMix64(seed: seed)
        upcoming = phase
        switch process {
        case .periodic: course = .grid(period: period, jitter: .zero)
        case .jittered(let jitter):
            precondition(jitter >= .zero, "a jitter cannot be negative")
            course = .grid(period: period, jitter: Swift.min(jitter, period))
        case .sporadic(let meanExtraGap):
            let mean = meanExtraGap ?? Nanoseconds(period.rawValue / 4)
            precondition(mean >= .zero, "an extra gap cannot be negative")
            course = .gaps(least: period, meanExtra: mean)
        case .poisson:
            course = .gaps(least: .zero, meanExtra: period)
            upcoming = phase.later(by: generator.exponential(mean: period))
        case .bursts(let on, let off):
            precondition(on >= .zero && off >= .zero, "a span cannot be negative")
            course = .bursts(period: period, on: on, off: off)
            // What is left of an exponential span is as long as a whole one, so the first one needs no care.
            let beginsOff = generator.unit() * (on.inSeconds + off.inSeconds) >= on.inSeconds
            if beginsOff { upcoming = phase.later(by: generator.exponential(mean: off)) }
            spanEnd = upcoming.later(by: generator.exponential(mean: on))
        case .trace(let times):
            course = .trace(times, phase: phase)
            upcoming = times.first.map { phase.later(by: $0) } ?? .distantFuture
        }
    }

    /// The next release time, or `nil` if there is none before `Nanoseconds.distantFuture`.
    package mutating func next() -> Nanoseconds? {
        let time = upcoming
        guard time < .distantFuture else { return nil }
        switch course {
        case .grid(let period, let jitter):
            upcoming = time.later(by: period)
            guard jitter > .zero else { return time }
            let release = time.later(by: generator.uniform(below: jitter))
            return release < .distantFuture ? release : nil
        case .gaps(let least, let meanExtra):
            upcoming = time.later(by: least).later(by: generator.exponential(mean: meanExtra))
        case .bursts(let period, let on, let off):
            upcoming = time.later(by: period)
            if upcoming >= spanEnd {
                upcoming = spanEnd.later(by: generator.exponential(mean: off))
                spanEnd = upcoming.later(by: generator.exponential(mean: on))
            }
        case .trace(let times, let phase):
            position += 1
            upcoming = position < times.count ? phase.later(by: times[position]) : .distantFuture
            precondition(upcoming >= time, "the times of a trace must not decrease")
        }
        return time
    }
}

extension Nanoseconds {
    /// The time a span after this one; `distantFuture` if it would lie beyond.
    fileprivate func later(by span: Nanoseconds) -> Nanoseconds {
        let (sum, overflows) = rawValue.addingReportingOverflow(span.rawValue)
        return overflows ? .distantFuture : Nanoseconds(sum)
    }
}

extension SplitMix64 {
    /// Uniform from 0 up to but without 1.
    fileprivate mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform from zero up to but without `bound`.
    fileprivate mutating func uniform(below bound: Nanoseconds) -> Nanoseconds {
        Nanoseconds(Int64(next().multipliedFullWidth(by: UInt64(bound.rawValue)).high))
    }

    /// Exponential, in whole nanoseconds and at least one of them.
    fileprivate mutating func exponential(mean: Nanoseconds) -> Nanoseconds {
        let span = (-log(1 - unit()) * Double(mean.rawValue)).rounded()
        return span < 0x1p63 ? Nanoseconds(max(1, Int64(span))) : .distantFuture
    }
}

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
