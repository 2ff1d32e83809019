import DarisCore
import Testing

@testable import DarisSimulator

@Suite("Whole systems with faults")
struct FuzzerTests {
    @Test("nothing that must hold is broken", arguments: 1...40 as ClosedRange<UInt64>)
    func seeds(seed: UInt64) {
        let failure = Fuzzer.run(seed: seed)
        #expect(failure == nil, "\(failure?.description ?? "")")
    }

    @Test("the scenarios have every kind of fault, and jobs of every fate and reason")
    func coverage() {
        var kinds: Set<String> = []
        var reasons: Set<FateReason> = []
        for seed in 1...120 as ClosedRange<UInt64> {
            let scenario = FuzzScenario(seed: seed)
            kinds.formUnion(scenario.faults.map { String("\($0)".prefix { $0 != "(" }) })
            var driver = VirtualTimeDriver(scenario.configuration, duration: scenario.duration)
            driver.arrivals = scenario.arrivals
            driver.checkInterval = 0
            scenario.add(to: &driver)
            _ = driver.run(on: FaultyDevice(scenario)) { _, _, commands in
                for case .finished(let outcome) in commands { reasons.insert(outcome.reason) }
            }
        }
        #expect(kinds == ["slow", "failing", "lostContext", "clockStep", "burst", "cancelled", "removedTask"])
        #expect(reasons == Set(FateReason.allCases))
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

    @Test("a failure is made small: what it does not need is taken out")
    func minimising() {
        let scenario = FuzzScenario(seed: 5)
        let variants = scenario.smaller()
        #expect(variants.count == 1 + scenario.faults.count + scenario.arrivals.count { $0 != nil })
        #expect(variants.allSatisfy { $0 != scenario })
        let failure = Fuzzer.Failure(scenario: scenario, violation: "made up")
        // Nothing is broken, so nothing smaller fails.
        #expect(Fuzzer.minimised(failure).scenario == scenario)
        #expect(failure.description.hasPrefix("seed 5: made up\nin the smallest scenario found:\n"))
    }
}
