import DarisCore
import DarisSimulator
import Testing

@Suite("Whole runs in virtual time")
struct VirtualTimeTests {
    /// `high` HP and `low` LP tasks of 3 × 2 ms stages at the given load a lane, on 3 contexts × 2 streams.
    private func driver(
        high: Int, low: Int, load: Double, policy: SchedulingPolicy = .daris, times: StageTimes = .constant
    ) throws -> VirtualTimeDriver {
        let lanes = 6.0
        let period = Nanoseconds.seconds(0.006 * Double(high + low) / (load * lanes))
        let tasks = (0..<high + low).map { index in
            TaskSpecification(
                name: "\(index)", period: period, priority: index < high ? .high : .low,
                afet: [2, 2, 2].map(Nanoseconds.milliseconds))
        }
        var options = SchedulerOptions()
        options.policy = policy
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 3, streams: 2, oversubscription: 3), tasks: tasks, options: options)
        let phases = (0..<high + low).map {
            Nanoseconds(period.rawValue * Int64($0 * 7 % (high + low)) / Int64(high + low))
        }
        return VirtualTimeDriver(
            configuration, phases: phases, duration: .seconds(Int64(1)), stageTimes: times, keepsEntries: true)
    }

    @Test("in an underloaded set nothing is missed and nothing rejected")
    func underload() throws {
        let summary = try driver(high: 12, low: 12, load: 0.6).run().summary
        #expect(summary.jobs.released > 500 && summary.jobs.inFlight == 0)
        #expect(summary.hp.missed == 0 && summary.lp.missed == 0)
        #expect(summary.jobs.rejected == 0 && summary.jobs.skipped == 0)
    }

    @Test("at 150 % load no HP deadline is missed under DARIS, and many are under FIFO")
    func overload() throws {
        let daris = try driver(high: 12, low: 24, load: 1.5).run().summary
        let fifo = try driver(high: 12, low: 24, load: 1.5, policy: .fifo).run().summary
        #expect(daris.hp.dmr == 0 && daris.hp.skipped == 0)
        #expect(fifo.hp.dmr > 0.3)
        #expect(daris.lp.dmr < 0.05, "LP jobs that were accepted rarely miss")
        #expect(daris.lp.acceptance > 0.3 && daris.lp.acceptance < 0.8)
        #expect(fifo.lp.rejected == 0)
    }

    @Test("noise of ±20 % leaves HP without a miss at 150 % load")
    func noise() throws {
        let summary = try driver(high: 12, low: 24, load: 1.5, times: .noisy(seed: 3, factors: 0.8...1.2)).run().summary
        #expect(summary.hp.dmr == 0 && summary.lp.dmr < 0.1)
    }

    @Test("the same seed gives the same trace, another seed another one")
    func deterministic() throws {
        func trace(_ seed: UInt64) throws -> ContiguousArray<RecordEntry> {
            try driver(high: 12, low: 24, load: 1.5, times: .noisy(seed: seed, factors: 0.5...1.5)).run().entries
        }
        let first = try trace(1)
        #expect(try first == trace(1))
        #expect(try first != trace(2))
    }

    @Test("failures and a lost context cost only the jobs they touch")
    func faults() throws {
        var driver = try driver(high: 12, low: 12, load: 0.6)
        driver.fails = { job, stage, _ in job.task == 3 && stage == 1 }
        driver.otherEvents = [(.milliseconds(300), .contextLost(1)), (.milliseconds(600), .contextRestored(1))]
        let result = driver.run()
        let summary = result.summary
        #expect(summary.jobs.isBalanced && summary.jobs.inFlight == 0)
        #expect(summary.tasks[3].figures.completed == 0 && summary.tasks[3].figures.failed > 0)
        let failedOtherwise = result.entries.filter {
            if case .command(.finished(let outcome)) = $0.content {
                outcome.fate == .failed && outcome.job.task != 3
            } else {
                false
            }
        }
        #expect(failedOtherwise.count <= 8, "two lanes and a short queue")
        #expect(failedOtherwise.allSatisfy { $0.time == .milliseconds(300) })
        #expect(summary.contexts.allSatisfy { $0.losses == ($0.context == 1 ? 1 : 0) && $0.restores == $0.losses })
    }

    @Test("stages run one at a time on a lane, for as long as they take")
    func busy() throws {
        let result = try driver(high: 12, low: 24, load: 1.5).run()
        let total = result.ledger.busy.reduce(Nanoseconds.zero, +)
        #expect(total == .milliseconds(2 * Int64(result.ledger.stages)))
        #expect(result.ledger.busy.allSatisfy { $0 <= result.end })
    }
}
