import DarisSimulator
import Foundation
import Testing

@testable import DarisCore

/// Tasks of one group on one lane: a stage takes 10 ms alone, two together 12 ms, four 16 ms.
private func bench(
    _ tasks: [TaskSpecification], rules: Set<BatchingRule>, stages: Int = 2, admission: Bool = false, streams: Int = 1,
    sizes: [(Int, Int64)] = [(2, 12), (4, 16)]
) throws -> Bench {
    var options = SchedulerOptions()
    options.batching = 8
    options.batchingRules = rules
    options.admission = admission
    let group = BatchGroup(
        sizes: sizes.map { jobs, time in
            BatchGroup.Size(jobs: jobs, afet: Array(repeating: .milliseconds(time), count: stages))
        })
    return Bench(
        try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: streams, oversubscription: 1), tasks: tasks, options: options,
            batchGroups: [group]))
}

private func member(_ priority: Priority = .low, period: Int64 = 200, stages: Int = 2) -> TaskSpecification {
    var specification = task(
        period: period, priority, overrun: .queue(limit: 4), afet: Array(repeating: 10, count: stages))
    specification.batchGroup = 0
    return specification
}

/// A task of no group.
private let single = task(period: 1000, .high, overrun: .queue(limit: 4), afet: [10])

@Suite("Rules of batching")
struct BatchingRuleTests {
    @Test("sizes: a batch that could not run twice within 80 % of the shortest deadline is never used")
    func sizes() throws {
        // Two stages of four jobs take 32 ms; twice that is 64 ms, 80 % of 80 ms.
        for (period, jobs) in [(80, 4), (79, 2)] as [(Int64, Int)] {
            let members = Array(repeating: member(period: period), count: 4)
            var bench = try bench([single] + members, rules: [.sizes])
            bench.release(0, at: 0)
            for index in 1...4 { bench.release(index, at: 1) }
            bench.complete(at: 10)
            #expect(bench.scheduler.dispatch(on: 0)?.jobs.count == jobs, "deadline \(period) ms")
        }
    }

    @Test("cohesion: the jobs of a batch go on together on their lane, whoever waits")
    func cohesion() throws {
        let members = Array(repeating: member(), count: 4)
        for rules in [[], [.cohesion]] as [Set<BatchingRule>] {
            var bench = try bench([single] + members, rules: rules)
            bench.release(0, at: 0)
            for index in 1...4 { bench.release(index, at: 1) }
            bench.complete(at: 10)
            bench.release(0, at: 11)
            let next = bench.complete(took: 16, at: 26).dispatches
            let jobs = next.first?.jobs.map(\.task)
            #expect(jobs == (rules.isEmpty ? [0] : [1, 2, 3, 4]))
            #expect(rules.isEmpty || next.first?.stage == 1)
        }
    }

    @Test("cohesion: it ends where an HP job has waited for more than half of its deadline")
    func cohesionYields() throws {
        // From 11 to 26 it waits 15 ms.
        for (deadline, goesOn) in [(30, true), (29, false)] as [(Int64, Bool)] {
            let members = Array(repeating: member(), count: 4)
            let urgent = task(period: 1000, deadline: deadline, .high, afet: [10])
            var bench = try bench([single] + members + [urgent], rules: [.cohesion])
            bench.release(0, at: 0)
            for index in 1...4 { bench.release(index, at: 1) }
            bench.complete(at: 10)
            bench.release(5, at: 11)
            let next = bench.complete(took: 16, at: 26).dispatches.first?.jobs.map(\.task)
            #expect(next == (goesOn ? [1, 2, 3, 4] : [5]), "deadline \(deadline) ms")
        }
    }

    @Test(
        "ripest: a first stage that few could run with lets others go first while it can wait, and no lane idles for it"
    )
    func ripest() throws {
        let other = task(period: 900, .low, overrun: .queue(limit: 4), afet: [10, 10])
        for (rules, first) in [([], 1), ([.ripest], 2)] as [(Set<BatchingRule>, Int)] {
            var bench = try bench([single, member(), other], rules: rules)
            bench.release(0, at: 0)
            // By its virtual deadline the job of the group goes first.
            bench.release(1, at: 1)
            bench.release(2, at: 1)
            #expect(bench.complete(at: 10).dispatches.first?.jobs.first?.task == first)
            // Its last stage, then the other.
            bench.complete(at: 20)
            #expect(bench.complete(at: 30).dispatches.first?.jobs.first?.task == 3 - first)
        }
    }

    @Test("ripest: from one and a half times the largest batch before its deadline on it waits no longer")
    func ripestSlack() throws {
        let other = task(period: 900, .low, overrun: .queue(limit: 4), afet: [10, 10])
        // 1.5 · 32 ms before 200 ms after 0.
        for (time, first) in [(151, 2), (152, 1)] as [(Int64, Int)] {
            let blocker = task(period: 1000, .high, overrun: .queue(limit: 4), afet: [200])
            var bench = try bench([blocker, member(), other], rules: [.ripest])
            bench.release(0, at: 0)
            bench.release(1, at: 0)
            bench.release(2, at: 0)
            let next = bench.complete(took: time, at: time).dispatches.first
            #expect(next?.jobs.first?.task == first, "at \(time) ms")
        }
    }

    @Test("forecast: a job that would end late is rejected, at its release and when it comes out of a queue")
    func forecast() throws {
        var slow = task(period: 100, .low, overrun: .queue(limit: 2), afet: [40])
        slow.deadline = .milliseconds(60)
        for isOn in [false, true] {
            let (rules, reason): (Set<BatchingRule>, FateReason?) = isOn ? ([.forecast], .wouldBeLate) : ([], nil)
            var bench = try bench([slow, slow, member(stages: 1)], rules: rules, stages: 1, admission: true)
            bench.release(0, at: 0)
            // 40 ms queued and 40 of its own, in 60.
            #expect(bench.release(1, at: 1).reasons.first == reason)
            // It waits for the job before it, and then has 30 ms for 40.
            bench.release(0, at: 10)
            #expect(bench.complete(took: 40, at: 40).reasons.contains(.wouldBeLate) == (reason != nil))
        }
    }

    @Test("near misses: a job within the last 5 % of its deadline raises the safety factor")
    func nearMisses() throws {
        for (took, isNear) in [(190, false), (191, true)] as [(Int64, Bool)] {
            var bench = try bench(
                [member(stages: 1), member(stages: 1)], rules: [.safetyFactor, .nearMisses], stages: 1, admission: true)
            bench.release(0, at: 0)
            bench.complete(took: took, at: took)
            #expect((bench.scheduler.context(0).safetyFactor.factor > 1) == isNear, "\(took) ms of 200")
        }
    }

    @Test("cost: a job costs its share of the largest batch that a context's tasks can make, where that is less")
    func cost() throws {
        for (rules, cost) in [([], 12_500), ([.cost], 4_400)] as [(Set<BatchingRule>, Int64)] {
            let members = Array(repeating: member(stages: 1), count: 16)
            var bench = try bench(members, rules: rules, stages: 1)
            bench.release(0, at: 0)
            bench.complete(took: 10, at: 10)
            // 10 ms alone and a quarter more, or a quarter of 16 ms and a tenth.
            #expect(bench.scheduler.cost(of: 0, stage: 0) == .microseconds(cost))
        }
    }

    @Test("records of runs with batching name its rules; without a name they are those of before")
    func records() throws {
        var options = SchedulerOptions()
        #expect(!(try text(options)).contains("batchingRules"))
        options.batching = 8
        options.batchingRules = [.ripest, .cost]
        #expect(try text(options).contains(#""batchingRules":["cost","ripest"]"#))
        #expect(try read(text(options)) == options)
        let old = try text(options).replacing(#","batchingRules":["cost","ripest"]"#, with: "")
        #expect(try read(old).batchingRules == [.safetyFactor])
    }

    private func text(_ options: SchedulerOptions) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(options), as: UTF8.self)
    }

    private func read(_ text: String) throws -> SchedulerOptions {
        try JSONDecoder().decode(SchedulerOptions.self, from: Data(text.utf8))
    }
}
