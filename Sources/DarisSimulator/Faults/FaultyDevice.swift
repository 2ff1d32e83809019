import DarisCore

/// A device whose stages take a random time that faults lengthen.
struct FaultyDevice: VirtualDevice {
    private var base: FixedTimes
    private let configuration: SchedulerConfiguration
    private let slow: [(task: Int, span: Range<Nanoseconds>, factor: Double)]
    private var random: SplitMix64

    init(_ scenario: FuzzScenario) {
        configuration = scenario.configuration
        base = FixedTimes(.constant, configuration)
        random = SplitMix64(seed: scenario.seed ^ 0xFA17)
        slow = scenario.faults.compactMap { fault in
            guard case .slow(let task, let from, let until, let factor) = fault, from < until else { return nil }
            return (task, from..<until, factor)
        }
    }

    mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds) {
        let afet = configuration.afet(of: task, stage: stage, jobs: jobs) ?? .zero
        var time = Double(afet.rawValue) * (0.5 + Double(random.next() % 1000) / 1000)
        for fault in slow where fault.task == task && fault.span.contains(now) { time *= fault.factor }
        base.start(task: task, lane: lane, time: Nanoseconds(Int64(min(time, 1e15))), at: now)
    }

    mutating func abandon(lane: Int, at now: Nanoseconds) { base.abandon(lane: lane, at: now) }
    mutating func nextEvent() -> Nanoseconds? { base.nextEvent() }
    mutating func advance(to now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)? { base.advance(to: now) }
}

/// Something that goes wrong, or is changed, while a system runs. Times are of the virtual run.
package enum Fault: Hashable, Sendable, Codable {
    /// Stages of a task that start from `from` until `until` take `factor` times as long.
    case slow(task: Int, from: Nanoseconds, until: Nanoseconds, factor: Double)
    /// Every `every`-th stage of a task fails.
    case failing(task: Int, every: Int)
    /// A context is lost, and comes back if `restored` is given.
    case lostContext(Int, at: Nanoseconds, restored: Nanoseconds?)
    /// The clock that the scheduler is told jumps by `by`, forwards or backwards, and stays so.
    case clockStep(at: Nanoseconds, by: Nanoseconds)
    /// A task is released `count` times at once, beyond what its queue holds.
    case burst(task: Int, at: Nanoseconds, count: Int)
    /// A job of a task is cancelled, whether it has been released, has ended or neither.
    case cancelled(task: Int, sequence: Int, at: Nanoseconds)
    /// A task is taken out, and comes back if `added` is given.
    case removedTask(Int, at: Nanoseconds, added: Nanoseconds?)
    /// A task is taken out, and another one comes in its place if its jobs have ended by then; else it comes back itself.
    case replacedTask(Int, at: Nanoseconds, added: Nanoseconds, TaskSpecification)
}
