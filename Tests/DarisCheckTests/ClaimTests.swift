import DarisReport
import Testing

@testable import DarisCheck

@Suite("Claims of a check")
struct ClaimTests {
    private func states(_ results: CheckResults) -> [CheckVerdict.State] { results.judged().map(\.state) }

    @Test("with nothing measured, every claim is open, without a figure")
    func nothing() {
        let verdicts = emptyResults().judged()
        #expect(verdicts.count == 6)
        for verdict in verdicts { #expect(verdict.state == .notMeasured && verdict.figure == Figure.none) }
    }

    @Test("with everything measured and kept, every claim is met, with its figures")
    func all() {
        let verdicts = fullResults().judged()
        #expect(verdicts.map(\.state) == [CheckVerdict.State](repeating: .met, count: 6))
        #expect(verdicts[0].figure.contains("unet 2.0e-5"))
        #expect(verdicts[2].figure.contains("mixed 2.400") && verdicts[3].figure.contains("mixed 1.200"))
        #expect(verdicts[4].figure.contains("mixed 0.500"))
        #expect(verdicts[2].claim.contains("batching (paper)") && verdicts[3].claim.contains("batching (strict)"))
        #expect(verdicts[5].figure.contains("mixed 7.00 µs"))
    }

    @Test("a task set that was not run leaves the claims about all four open")
    func missing() {
        var results = fullResults()
        results.taskSets.removeAll { $0.taskSet == "mixed" }
        results.outputs.removeLast()
        #expect(states(results) == [CheckVerdict.State](repeating: .notMeasured, count: 6))
    }

    @Test("one task set, or one network, that breaks a claim is enough")
    func broken() {
        func states(_ change: (inout CheckRow) -> Void) -> [CheckVerdict.State] {
            var results = fullResults()
            results.taskSets[3] = row("mixed", change: change)
            return Array(results.judged().map(\.state).dropFirst())
        }
        #expect(states { $0.hpDMR = 0.001 } == [.notMet, .met, .met, .met, .met])
        #expect(states { $0.lpDMR = 0.02 } == [.notMet, .met, .met, .met, .met])
        #expect(states { $0.jps = 949 } == [.met, .met, .notMet, .met, .met])
        #expect(states { $0.jps = 574 } == [.met, .notMet, .notMet, .met, .met])
        #expect(states { $0.hpResponseMs = 4.1 } == [.met, .met, .met, .notMet, .met])
        #expect(states { $0.launchNs = 8_100 } == [.met, .met, .met, .met, .notMet])
        #expect(states { $0.launchNs = nil } == [.met, .met, .met, .met, .notMeasured])
        #expect(states { $0.lpResponseMs = nil } == [.met, .met, .met, .notMeasured, .met])
        var results = fullResults()
        results.outputs[1].relativeDifference = 1.1e-3
        #expect(results.judged()[0].state == .notMet)
    }

    @Test("all claims about a task set are judged by the same run")
    func oneRun() {
        var results = fullResults()
        // Faster, but it misses deadlines: it must not lend its throughput to the other run.
        results.taskSets[3] = row("mixed", jps: 900)
        results.taskSets.append(row("mixed", green(2, 1, 1), jps: 1_400) { $0.hpDMR = 0.2 })
        #expect(Array(states(results).dropFirst()) == [.met, .met, .notMet, .met, .met])
    }

    @Test("of several repetitions the worst counts")
    func repetitions() {
        var results = fullResults()
        results.taskSets.append(row("mixed") { $0.repetition = 2 })
        #expect(states(results) == [CheckVerdict.State](repeating: .met, count: 6))
        results.taskSets.append(row("mixed", jps: 1_500) { $0.lpDMR = 0.5 })
        #expect(states(results)[1] == .notMet)
    }

    @Test("each definition of batching has its own closed loops; a cut network is in none")
    func definitions() {
        let results = fullResults()
        #expect(results.best(.paper)["resnet18"]?.jps == 500 && results.best(.single)["resnet18"]?.jps == 200)
        #expect(results.best(.strict)["resnet18"]?.jps == 1_000, "the 9,000 are in four stages")
        func admits(_ definition: BatchingDefinition, _ batch: Int, _ lanes: Int) -> Bool {
            definition.admits(BatchingRecord(network: "a", batch: batch, lanes: lanes, stages: 1, jps: 1))
        }
        #expect(admits(.paper, 10, 1) && !admits(.paper, 11, 1) && !admits(.paper, 10, 2))
        #expect(admits(.strict, 128, 4) && admits(.strict, 1, 1))
        #expect(admits(.single, 1, 1) && !admits(.single, 1, 2) && !admits(.single, 2, 1))
    }

    @Test("a rehearsal leaves every claim open, whatever was measured")
    func rehearsal() {
        var results = fullResults()
        results.isRehearsal = true
        for verdict in results.judged() {
            #expect(verdict.state == .notMeasured && verdict.figure.hasPrefix("rehearsal on a CPU: "))
        }
    }
}
