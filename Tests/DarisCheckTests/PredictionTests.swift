import DarisCore
import Testing

@testable import DarisCheck

@Suite("Predictions for a card")
struct PredictionTests {
    private func predictions() throws -> CardPredictions { try #require(CardPredictions.of("NVIDIA H200")) }

    private func results(_ change: (inout CheckResults) -> Void) throws -> [PredictionRecord] {
        var results = emptyResults()
        change(&results)
        return results.judged(by: try predictions())
    }

    private func loop(_ network: String, _ batch: Int, _ stages: Int, _ lanes: Int, _ jps: Double) -> BatchingRecord {
        BatchingRecord(network: network, batch: batch, lanes: lanes, stages: stages, jps: jps)
    }

    @Test(
        "a card that was never measured has none, an H200 has one for each figure of the three questions, with its source"
    )
    func cards() throws {
        #expect(CardPredictions.of("NVIDIA A100") == nil)
        let open = try results { _ in }
        #expect(open.count { $0.question == 1 } == 40 && open.count { $0.question == 2 } == 12)
        #expect(open.count { $0.question == 3 } == 2)
        for record in open {
            #expect(record.verdict == .notMeasured && record.measured == nil && !record.predicted.isEmpty)
            #expect(record.source.contains("results/h200-2026-11-26-2"))
        }
    }

    @Test(
        "U-Net whole on two lanes confirms the copy term from 2,500 inferences a second, and refutes it up to 2,250",
        arguments: [
            (2_550, .confirmed), (2_900, .confirmed), (2_400, .undecided), (2_250, .refuted), (2_200, .refuted),
        ] as [(Double, PredictionRecord.Verdict)])
    func decisive(jps: Double, verdict: PredictionRecord.Verdict) throws {
        let records = try results { $0.batching = [loop("unet", 64, 1, 2, jps)] }
        let record = try #require(records.first { $0.measured != nil })
        #expect(record.verdict == verdict && record.subject == "unet, batch 64, whole, 2 lanes: JPS")
        #expect(records.count { $0.measured != nil } == 1)
    }

    @Test("other closed loops are confirmed within 10 % and refuted beyond 20 %")
    func loops() throws {
        for (factor, verdict) in [
            (1.0, PredictionRecord.Verdict.confirmed), (1.09, .confirmed), (0.85, .undecided), (1.21, .refuted),
        ] {
            let records = try results { $0.batching = [loop("inception_v3", 32, 13, 3, 7_751 * factor)] }
            #expect(records.first { $0.measured != nil }?.verdict == verdict, "\(factor)")
        }
    }

    @Test(
        "Inception v3 near half of batching refutes the explanation, as HP misses do; a range and its margin are kept")
    func ratios() throws {
        func verdicts(_ taskSet: String, _ ratio: Double, hp: Double = 0, lp: Double? = 0.005) throws -> [String] {
            let row = row(taskSet, jps: ratio * 1_000) {
                $0.hpDMR = hp; $0.lpDMR = lp
            }
            return try results { $0.largeBatches = [row] }.filter { $0.measured != nil }.map(\.verdict.rawValue)
        }
        #expect(try verdicts("inception_v3", 0.5) == ["refuted", "confirmed", "confirmed"])
        #expect(try verdicts("inception_v3", 1.0) == ["confirmed", "confirmed", "confirmed"])
        #expect(try verdicts("unet", 1.2, lp: 0.015) == ["undecided", "confirmed", "undecided"])
        #expect(try verdicts("mixed", 1, hp: 0.01, lp: 0.3) == ["confirmed", "refuted", "refuted"])
        #expect(try verdicts("resnet18", 1, lp: nil) == ["confirmed", "confirmed", "confirmed"])
    }

    @Test("as before: the largest mean batch of the first five stages counts, not that of later ones")
    func asBefore() throws {
        func verdict(_ batches: [Int]) throws -> PredictionRecord.Verdict? {
            let stages = batches.enumerated().map { index, jobs in
                StageBatches(network: "inception_v3", stage: index, dispatches: 10, jobs: jobs)
            }
            let row = row("inception_v3", jps: 500) { $0.stages = stages }
            return try results { $0.asBefore = [row] }.first { $0.subject.contains("mean batch") }?.verdict
        }
        #expect(try verdict([11, 12, 15, 18, 20, 90]) == .confirmed)
        #expect(try verdict([11, 12, 15, 18, 21, 90]) == .undecided)
        #expect(try verdict([11, 12, 40, 18, 20]) == .refuted)
    }

    @Test("the report names each question's verdict and the source, the terminal their numbers")
    func report() throws {
        var results = fullResults()
        results.predictions = results.judged(by: try predictions())
        let report = CheckReport(results)
        #expect(report.markdown.contains("| 2 | unet: JPS ÷ recorded batching | 1.29 to 1.44 | 0.900 | refuted |"))
        #expect(report.markdown.contains("Predictions: simulated by a device model"))
        #expect(report.text(styling: .plain).contains("\nPredictions: "))
    }
}
