import DarisCore
import FakeDriver
import Testing

@testable import DarisRuntime

@Suite("Proof of SM maps", .timeLimit(.minutes(15)))
struct SMMapProofTests {
    @Test("as many SMs and as many shared ones as promised is a proof, whatever their numbers")
    func holds() {
        #expect(SMMapProof(promised: [[0, 1], [2, 3]], found: [[7, 5], [1, 2]]).problems.isEmpty)
        #expect(SMMapProof(promised: [[0, 1, 2], [2, 3, 4]], found: [[9, 1, 5], [5, 6, 7]]).problems.isEmpty)
    }

    @Test("too few SMs, SMs that are shared without having been promised so, and the contrary are said")
    func breaks() {
        #expect(
            SMMapProof(promised: [[0, 1], [2, 3]], found: [[0, 1], [2]]).problems
                == ["context 1 was promised 2 SMs, but ran on 1"])
        #expect(
            SMMapProof(promised: [[0, 1], [2, 3]], found: [[0, 1], [1, 2]]).problems
                == ["contexts 0 and 1 should share 0 SMs, but share 1"])
        #expect(
            SMMapProof(promised: [[0, 1], [0, 1]], found: [[0, 1], [2, 3]]).problems
                == ["contexts 0 and 1 should share 2 SMs, but share 0"])
    }

    @Test("streams and green contexts of a driver that keeps its promises are proven")
    func measured() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        for (kind, contexts, oversubscription) in [(PartitionKind.streams, 1, 1.0), (.green, 4, 1), (.green, 6, 3)] {
            let proof = try await onThread {
                try SMMapProof.measure(
                    gpu: 0,
                    partition: Partition(contexts: contexts, streams: 1, oversubscription: oversubscription),
                    kind: kind, driver: gpu.path)
            }
            #expect(proof.problems.isEmpty && proof.found.count == contexts, "\(kind)")
            #expect(proof.found.allSatisfy { !$0.isEmpty }, "\(kind)")
        }
        #expect(await gpu.isClean())
    }
}
