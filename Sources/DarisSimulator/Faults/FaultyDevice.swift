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
        base.start(lane: lane, time: Nanoseconds(Int64(min(time, 1e15))), at: now)
    }

    mutating func abandon(lane: Int, at now: Nanoseconds) { base.abandon(lane: lane, at: now) }
    mutating func nextEvent() -> Nanoseconds? { base.nextEvent() }
    mutating func advance(to now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)? { base.advance(to: now) }
}
