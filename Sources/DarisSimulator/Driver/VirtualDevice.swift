import DarisCore
import HeapModule

/// A device in virtual time: it knows when the work on its lanes ends, but not why it runs.
///
/// The driver asks for the time of the device's next event and advances the device to it. It starts or abandons stages
/// only after all events before that time. An event is the end of a stage, or a change inside the device.
package protocol VirtualDevice {
    /// Starts a stage on an idle lane, of one job of the task or of `jobs` jobs of its batch group together.
    mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds)

    /// Forgets what runs on a lane: its context has been lost.
    mutating func abandon(lane: Int, at now: Nanoseconds)

    /// The time of the next event if nothing is started before; `nil` if nothing runs.
    mutating func nextEvent() -> Nanoseconds?

    /// Advances to the time that `nextEvent` returned.
    ///
    /// - Returns: The lane whose stage has ended, with its execution time; `nil` if none has.
    mutating func advance(to now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)?
}

/// How long stages take on the simulated device.
package enum StageTimes: Sendable {
    /// Always their AFET.
    case constant
    /// Their AFET times a factor drawn evenly from a range, from a seed.
    case noisy(seed: UInt64, factors: ClosedRange<Double>)
    /// Whatever a function of task, stage and lane says.
    case custom(@Sendable (_ task: Int, _ stage: Int, _ lane: Int) -> Nanoseconds)
}

/// A device whose stages take as long as they are told, whatever runs beside them.
package struct FixedTimes: VirtualDevice {
    private struct End: Comparable {
        var time: Nanoseconds
        /// Order of creation, which breaks ties.
        var number: Int
        var lane: Int

        static func < (a: End, b: End) -> Bool { a.time != b.time ? a.time < b.time : a.number < b.number }
    }

    private let times: StageTimes
    private let configuration: SchedulerConfiguration
    private var random: SplitMix64
    private var ends = Heap<End>()
    /// The number of the end that is still valid on each lane, and when its stage started.
    private var current: ContiguousArray<(number: Int, started: Nanoseconds)?>
    private var created = 0

    /// A device for the tasks of a configuration.
    package init(_ times: StageTimes, _ configuration: SchedulerConfiguration) {
        self.times = times
        self.configuration = configuration
        random = if case .noisy(let seed, _) = times { SplitMix64(seed: seed) } else { SplitMix64(seed: 0) }
        current = ContiguousArray(repeating: nil, count: configuration.partition.lanes)
    }

    /// Starts a stage on an idle lane.
    package mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds) {
        start(lane: lane, time: stageTime(task: task, stage: stage, jobs: jobs, lane: lane), at: now)
    }

    /// Starts a stage that takes `time`.
    mutating func start(lane: Int, time: Nanoseconds, at now: Nanoseconds) {
        created += 1
        current[lane] = (created, now)
        ends.insert(End(time: now + time, number: created, lane: lane))
    }

    /// Forgets what runs on a lane.
    package mutating func abandon(lane: Int, at now: Nanoseconds) { current[lane] = nil }

    /// The time of the next event; `nil` if nothing runs.
    package mutating func nextEvent() -> Nanoseconds? {
        while let end = ends.min {
            if current[end.lane]?.number == end.number { return end.time }
            ends.removeMin()
        }
        return nil
    }

    /// Advances to the next event. Returns the lane whose stage has ended, if one has.
    package mutating func advance(to now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)? {
        guard nextEvent() != nil, let end = ends.popMin(), let started = current[end.lane]?.started else {
            return nil
        }
        current[end.lane] = nil
        return (end.lane, end.time - started)
    }

    private mutating func stageTime(task: Int, stage: Int, jobs: Int, lane: Int) -> Nanoseconds {
        guard let afet = configuration.afet(of: task, stage: stage, jobs: jobs) else {
            preconditionFailure("a batch of \(jobs) jobs of task \(task) was started, which was not measured")
        }
        return switch times {
        case .constant: afet
        case .noisy(_, let factors):
            Nanoseconds(Int64(Double(afet.rawValue) * Double.random(in: factors, using: &random)))
        case .custom(let time): max(time(task, stage, lane), .zero)
        }
    }
}
