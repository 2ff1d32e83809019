import DarisCore
import Testing

@testable import DarisSimulator

@Suite("Whole systems with faults")
struct FuzzerTests {
    @Test("no invariant is violated", arguments: 1...40 as ClosedRange<UInt64>)
    func seeds(seed: UInt64) {
        let failure = Fuzzer.run(seed: seed)
        #expect(failure == nil, "\(failure?.description ?? "")")
    }

    @Test("the scenarios have every kind of fault, and jobs of every fate and reason")
    func coverage() {
        var kinds: Set<String> = []
        var reasons: Set<FateReason> = []
        var joined = 0
        for seed in 1...120 as ClosedRange<UInt64> {
            let scenario = FuzzScenario(seed: seed)
            kinds.formUnion(scenario.faults.map { String("\($0)".prefix { $0 != "(" }) })
            var driver = VirtualTimeDriver(scenario.configuration, duration: scenario.duration)
            driver.arrivals = scenario.arrivals
            driver.checkInterval = 0
            scenario.add(to: &driver)
            _ = driver.run(on: FaultyDevice(scenario)) { _, _, commands in
                for case .finished(let outcome) in commands { reasons.insert(outcome.reason) }
                for case .dispatch(let dispatch) in commands { joined += dispatch.jobs.count - 1 }
            }
        }
        #expect(
            kinds == [
                "slow", "failing", "lostContext", "clockStep", "burst", "cancelled", "removedTask", "replacedTask",
            ])
        #expect(reasons == Set(FateReason.allCases))
        #expect(joined > 1000)
    }

    @Test("the same seed gives the same scenario and the same trace")
    func deterministic() {
        func trace(_ seed: UInt64) -> [RecordEntry] {
            let scenario = FuzzScenario(seed: seed)
            var driver = VirtualTimeDriver(scenario.configuration, duration: scenario.duration, keepsEntries: true)
            driver.arrivals = scenario.arrivals
            scenario.add(to: &driver)
            return Array(driver.run(on: FaultyDevice(scenario)).entries)
        }
        #expect(FuzzScenario(seed: 11) == FuzzScenario(seed: 11) && FuzzScenario(seed: 11) != FuzzScenario(seed: 12))
        #expect(trace(11) == trace(11))
    }

    @Test("a failing scenario is reduced to the parts that it needs")
    func minimising() throws {
        // Made up: it fails whenever a context is lost while task 0 still releases jobs, for at least 5 µs.
        func check(_ scenario: FuzzScenario) -> String? {
            let isLost = scenario.faults.contains { if case .lostContext = $0 { true } else { false } }
            return isLost && scenario.arrivals[0] != nil && scenario.duration >= .microseconds(5) ? "made up" : nil
        }
        let scenario = try #require(
            (1...500 as ClosedRange<UInt64>).lazy.map(FuzzScenario.init).first {
                check($0) != nil && $0.faults.count > 3 && $0.arrivals.count > 3
            })
        let small = Fuzzer.minimised(Fuzzer.Failure(scenario: scenario, violation: "made up"), check: check)
        #expect(small.scenario.faults.count == 1 && small.scenario.arrivals.count { $0 != nil } == 1)
        #expect(small.scenario.duration < .microseconds(10) && check(small.scenario) != nil)
        #expect(small.description.hasPrefix("seed \(scenario.seed): made up\nin the smallest scenario found:\n"))
    }
}
