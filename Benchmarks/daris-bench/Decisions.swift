import ArgumentParser
import CAllocationCounter
import DarisCore
import DarisSimulator
import Foundation

/// The time of `Scheduler.handle` for an event, and its allocations.
struct Decisions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time and heap allocations of a scheduling decision, in saturated steady state.",
        discussion: """
            16 contexts × 4 streams, 4 stages a task, 150 % load: a mix of releases, rejections, migrations and stage ends. \
            Events are made beforehand in virtual time and replayed. 'mean' times whole passes; median, p99 and p99.9 time \
            each event, less the cost of reading the clock; 'quiet p99' uses each event's least time of all rounds, which \
            excludes the effect of other programs.
            """)

    @Option(help: "Numbers of tasks.")
    var tasks: [Int] = [10, 100, 1_000, 10_000]

    @Option(help: "The number of replays.")
    var rounds = 5

    @Flag(help: "Print JSON.")
    var json = false

    struct Row: Codable {
        var tasks: Int
        var events: Int
        var releasesShare: Double
        var meanNs: Double
        var medianNs: Int
        var p99Ns: Int
        var p999Ns: Int
        var quietP99Ns: Int
        var allocationsPerDecision: Double?
    }

    struct Report: Codable {
        var clockNs: Int
        var rounds: Int
        var rows: [Row]
    }

    func run() throws {
        let clock = Self.clockCost()
        var report = Report(clockNs: clock, rounds: rounds, rows: [])
        for count in tasks { report.rows.append(try measure(DecisionWorkload(tasks: count), clock: clock)) }
        if json {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
            return
        }
        var table = Table(
            header: [
                "tasks", "events", "releases", "mean ns", "median ns", "p99 ns", "p99.9 ns", "quiet p99 ns",
                "allocations/decision",
            ])
        for row in report.rows {
            table.rows.append([
                row.tasks.grouped, row.events.grouped, "\(Int((row.releasesShare * 100).rounded())) %",
                Int(row.meanNs.rounded()).grouped, row.medianNs.grouped, row.p99Ns.grouped, row.p999Ns.grouped,
                row.quietP99Ns.grouped,
                row.allocationsPerDecision.map { String(format: "%.6f", $0) } ?? "not counted here",
            ])
        }
        print(table.text)
        print("Reading the clock costs \(clock) ns, subtracted from every event; \(rounds) rounds.")
    }

    private func measure(_ workload: DecisionWorkload, clock: Int) throws -> Row {
        var commands = CommandBuffer()
        commands.reserveCapacity(1024)

        // Whole passes: no clock in between.
        var means: [Double] = []
        var allocations: Double?
        for _ in 0..<rounds {
            let atStart = daris_allocation_count()
            var scheduler = workload.warmScheduler(&commands)
            let allocationsBefore = daris_allocation_count()
            // Making a scheduler allocates: if no allocation was counted, the counter does not work.
            precondition(!daris_allocations_are_counted() || allocationsBefore > atStart, "allocations are not counted")
            let start = Self.now()
            for index in workload.warmUp..<workload.events.count {
                scheduler.handle(workload.events[index].event, at: workload.events[index].time, into: &commands)
            }
            means.append(Double(Self.now() - start) / Double(workload.measured))
            if daris_allocations_are_counted() {
                allocations = Double(daris_allocation_count() - allocationsBefore) / Double(workload.measured)
            }
        }

        // Each event by itself.
        var all: [UInt32] = []
        all.reserveCapacity(rounds * workload.measured)
        var least = [UInt32](repeating: .max, count: workload.measured)
        for _ in 0..<rounds {
            var scheduler = workload.warmScheduler(&commands)
            for index in workload.warmUp..<workload.events.count {
                let (time, event) = workload.events[index]
                let start = Self.now()
                scheduler.handle(event, at: time, into: &commands)
                let took = UInt32(clamping: max(0, Int(Self.now() - start) - clock))
                all.append(took)
                least[index - workload.warmUp] = min(least[index - workload.warmUp], took)
            }
        }
        all.sort()
        least.sort()
        let releases = workload.events[workload.warmUp...].count {
            if case .jobReleased = $0.event { true } else { false }
        }
        return Row(
            tasks: workload.configuration.tasks.count, events: workload.measured,
            releasesShare: Double(releases) / Double(workload.measured), meanNs: means.min() ?? 0,
            medianNs: Int(Self.quantile(all, 0.5)), p99Ns: Int(Self.quantile(all, 0.99)),
            p999Ns: Int(Self.quantile(all, 0.999)), quietP99Ns: Int(Self.quantile(least, 0.99)),
            allocationsPerDecision: allocations)
    }

    private static func quantile(_ sorted: [UInt32], _ share: Double) -> UInt32 {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The median time between two readings of the clock.
    static func clockCost() -> Int {
        var costs: [UInt64] = []
        for _ in 0..<100_001 {
            let start = now()
            costs.append(now() - start)
        }
        costs.sort()
        return Int(costs[costs.count / 2])
    }
}

/// The events of a saturated run, made once in virtual time. A new scheduler goes through the same states with them, so
/// that only `Scheduler.handle` is measured.
struct DecisionWorkload {
    let configuration: SchedulerConfiguration
    let events: ContiguousArray<(time: Nanoseconds, event: Event)>
    /// The number of events until the windows are full and the queues have their steady length.
    let warmUp: Int

    /// A third HP, two thirds LP, four stages of 0.2 to 0.8 ms, 16 contexts × 4 streams, at a load of 150 % of all
    /// lanes. If the tasks are too few for that, each runs back to back.
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
            // Events after the last release are left out.
            guard case .event(let event) = entry.content, entry.time < driver.duration else { continue }
            events.append((entry.time, event))
            if entry.time < warmUpTime { warmUp += 1 }
        }
        self.events = events
        self.warmUp = warmUp
    }

    /// The number of measured events.
    var measured: Int { events.count - warmUp }

    /// A scheduler after the warm-up.
    func warmScheduler(_ commands: inout CommandBuffer) -> Scheduler {
        var scheduler = Scheduler(configuration)
        for index in 0..<warmUp { scheduler.handle(events[index].event, at: events[index].time, into: &commands) }
        return scheduler
    }
}
