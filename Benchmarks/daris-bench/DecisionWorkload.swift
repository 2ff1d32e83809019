import DarisCore
import DarisSimulator

/// The events of a saturated run, made once in virtual time; fed to a fresh scheduler they lead it through the same
/// states again, so that nothing but `Scheduler.handle` need be measured.
struct DecisionWorkload {
    let configuration: SchedulerConfiguration
    let events: ContiguousArray<(time: Nanoseconds, event: Event)>
    /// Events until the windows are full and the queues have reached their length.
    let warmUp: Int

    /// A third HP, two thirds LP, four stages of 0.2 to 0.8 ms, 16 contexts × 4 streams, released at 150 % of all lanes;
    /// where so few tasks cannot load the lanes, each runs back to back.
    init(tasks count: Int) throws {
        var random = SplitMix64(seed: UInt64(count))
        let lanes = 64
        let tasks = (0..<count).map { index in
            let afet = (0..<4).map { _ in Nanoseconds(Int64.random(in: 200_000...800_000, using: &random)) }
            let time = afet.reduce(.zero, +).rawValue
            let period = max(time * 11 / 10, time * Int64(count) * 2 / Int64(3 * lanes))
            return TaskSpecification(
                name: "task-\(index)", period: Nanoseconds(period), priority: index % 3 == 0 ? .high : .low, afet: afet)
        }
        configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 16, streams: 4, oversubscription: 16), tasks: tasks)
        let phases = tasks.map { Nanoseconds(Int64.random(in: 0..<$0.period.rawValue, using: &random)) }
        let longestPeriod = tasks.map(\.period).max() ?? .zero
        let warmUpTime = longestPeriod.scaled(by: 8, over: 1) + .milliseconds(500)
        let driver = VirtualTimeDriver(
            configuration, phases: phases, duration: warmUpTime + .seconds(Int64(2)),
            stageTimes: .noisy(seed: 1, factors: 0.7...1.1), keepsEntries: true)
        let result = driver.run()
        var events = ContiguousArray<(time: Nanoseconds, event: Event)>()
        var warmUp = 0
        for entry in result.entries {
            // The tail, in which releases have stopped, is left out.
            guard case .event(let event) = entry.content, entry.time < driver.duration else { continue }
            events.append((entry.time, event))
            if entry.time < warmUpTime { warmUp += 1 }
        }
        self.events = events
        self.warmUp = warmUp
    }

    /// Events that are measured.
    var measured: Int { events.count - warmUp }

    /// A scheduler that has lived through the warm-up.
    func warmScheduler(_ commands: inout CommandBuffer) -> Scheduler {
        var scheduler = Scheduler(configuration)
        for index in 0..<warmUp { scheduler.handle(events[index].event, at: events[index].time, into: &commands) }
        return scheduler
    }
}
