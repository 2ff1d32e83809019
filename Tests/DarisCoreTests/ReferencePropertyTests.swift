import Foundation
import Testing

@testable import DarisCore

@Suite("The scheduler against the reference scheduler")
struct ReferencePropertyTests {
    static let setsPerBatch = 100
    /// `DARIS_FUZZ_BATCHES` runs more of them.
    static let batches = Int(ProcessInfo.processInfo.environment["DARIS_FUZZ_BATCHES"] ?? "") ?? 20

    @Test("decides as the design says, event by event, on random task sets", arguments: 0..<batches)
    func agrees(batch: Int) throws {
        for index in 0..<Self.setsPerBatch {
            let seed = UInt64(batch * Self.setsPerBatch + index)
            var scenario = try RandomScenario(seed: seed)
            try scenario.run(events: 20 + index)
        }
    }

    @Test("gives the same trace for the same seed")
    func sameSeedSameTrace() throws {
        func trace(_ seed: UInt64) throws -> String {
            var scenario = try RandomScenario(seed: seed)
            try scenario.run(events: 200)
            return "\(scenario.trace)"
        }
        for seed in UInt64(90_000)..<90_010 {
            let first = try trace(seed)
            #expect(try first == trace(seed))
        }
        #expect(try trace(1) != trace(2))
    }
}
