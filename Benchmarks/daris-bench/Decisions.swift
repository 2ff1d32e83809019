import ArgumentParser
import CAllocationCounter
import DarisCore
import Foundation

/// How long `Scheduler.handle` takes an event, and what it allocates.
struct Decisions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time and heap allocations of a scheduling decision, in saturated steady state.",
        discussion: """
            16 contexts × 4 streams, 4 stages a task, 150 % load: a mix of releases, rejections, migrations and stage ends. \
            Events are made beforehand in virtual time and replayed. 'mean' times whole passes; median, p99 and p99.9 time \
            each event, less what reading the clock costs; 'quiet p99' takes each event's least time of all rounds, which \
            leaves out what other programs on the machine did.
            """)

    @Option(help: "Numbers of tasks.")
    var tasks: [Int] = [10, 100, 1_000, 10_000]

    @Option(help: "How often the events are replayed.")
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
        print("Reading the clock costs \(clock) ns, taken off every event; \(rounds) rounds.")
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
            // A scheduler cannot be made without an allocation: if none was seen, the counter is not in place.
            precondition(!daris_allocations_are_counted() || allocationsBefore > atStart, "allocations go by uncounted")
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
