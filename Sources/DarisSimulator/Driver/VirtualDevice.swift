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

    /// Work done so far, in ns of the whole device; 0 where it is not counted.
    var busyTime: Double { get }
}

extension VirtualDevice {
    package var busyTime: Double { 0 }
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
///
/// What runs beyond the streams of a context is taken from its LP stages, in equal parts: with one stream an LP stage stands still
/// while an express stage runs, and goes on where it was (preemptive-resume).
package struct FixedTimes: VirtualDevice {
    private struct Run {
        /// The number of the end that is valid; 0 while the stage stands still.
        var number: Int
        let started: Nanoseconds
        let isHigh: Bool
        /// What is left of its time, as of `updated`.
        var left: Nanoseconds
        var updated: Nanoseconds
    }

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
    /// What runs on each lane.
    private var current: ContiguousArray<Run?>
    private var created = 0

    /// A device for the tasks of a configuration.
    package init(_ times: StageTimes, _ configuration: SchedulerConfiguration) {
        self.times = times
        self.configuration = configuration
        random = if case .noisy(let seed, _) = times { SplitMix64(seed: seed) } else { SplitMix64(seed: 0) }
        current = ContiguousArray(repeating: nil, count: configuration.partition.laneCount)
    }

    /// Starts a stage on an idle lane.
    package mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds) {
        start(task: task, lane: lane, time: stageTime(task: task, stage: stage, jobs: jobs, lane: lane), at: now)
    }

    /// Starts a stage of a task that takes `time`.
    mutating func start(task: Int, lane: Int, time: Nanoseconds, at now: Nanoseconds) {
        change(lane, at: now) {
            $0.current[lane] = Run(
                number: 0, started: now, isHigh: $0.configuration.tasks[task].priority == .high, left: time,
                updated: now)
        }
    }

    /// Forgets what runs on a lane.
    package mutating func abandon(lane: Int, at now: Nanoseconds) { change(lane, at: now) { $0.current[lane] = nil } }

    /// Changes what runs on a lane, and with it how fast the LP stages of its context go on.
    private mutating func change(_ lane: Int, at now: Nanoseconds, _ change: (inout FixedTimes) -> Void) {
        let partition = configuration.partition
        guard partition.express > 0 else {
            change(&self)
            if current[lane] != nil { planEnd(lane) }
            return
        }
        let lanes = partition.lanes(of: partition.context(of: lane))
        let before = share(lanes)
        for other in lanes { pass(other, until: now, share: before) }
        change(&self)
        let after = share(lanes)
        if current[lane] != nil { planEnd(lane, share: after) }
        for other in lanes where other != lane && after != before && current[other]?.isHigh == false {
            planEnd(other, share: after)
        }
    }

    /// The part of its speed that each LP stage of a context has: so many of so many lanes.
    private func share(_ lanes: Range<Int>) -> (left: Int64, of: Int64) {
        let over = lanes.count { current[$0] != nil } - configuration.partition.streams
        let low = lanes.count { current[$0]?.isHigh == false }
        return (Int64(max(0, low - max(0, over))), Int64(max(1, low)))
    }

    private mutating func pass(_ lane: Int, until now: Nanoseconds, share: (left: Int64, of: Int64)) {
        guard let run = current[lane] else { return }
        let span = (now - run.updated).rawValue
        let done = run.isHigh ? span : span * share.left / share.of
        current[lane]?.left = max(run.left - Nanoseconds(done), .zero)
        current[lane]?.updated = now
    }

    private mutating func planEnd(_ lane: Int, share: (left: Int64, of: Int64) = (1, 1)) {
        guard let run = current[lane] else { return }
        let (left, of) = run.isHigh ? (1, 1) : share
        guard left > 0 else {
            current[lane]?.number = 0
            return
        }
        created += 1
        current[lane]?.number = created
        let span = Nanoseconds((run.left.rawValue * of + left - 1) / left)
        ends.insert(End(time: run.updated + span, number: created, lane: lane))
    }

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
        change(end.lane, at: end.time) { $0.current[end.lane] = nil }
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
