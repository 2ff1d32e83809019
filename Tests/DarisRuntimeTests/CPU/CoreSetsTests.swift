import DarisCore
import Testing

@testable import DarisRuntime

@Suite("Core sets")
struct CoreSetsTests {
    private func sets(_ contexts: Int, _ oversubscription: Double, _ processors: [Int]) -> [[Int]] {
        CoreSets.sets(
            Partition(contexts: contexts, streams: 1, oversubscription: oversubscription), processors: processors)
    }

    @Test("without oversubscription the contexts share no core")
    func disjoint() {
        #expect(sets(1, 1, [0, 1, 2, 3]) == [[0, 1, 2, 3]])
        #expect(sets(2, 1, [0, 1, 2, 3]) == [[0, 1], [2, 3]])
        #expect(sets(4, 1, [0, 1, 2, 3]) == [[0], [1], [2], [3]])
        #expect(sets(2, 1, [3, 5, 8, 9]) == [[3, 5], [8, 9]])
        for processors in 1...64 {
            for contexts in 1...processors where processors % contexts == 0 {
                let all = sets(contexts, 1, Array(0..<processors)).joined()
                #expect(Set(all).count == all.count)
            }
        }
    }

    @Test("with oversubscription the windows overlap, evenly spread, up to the whole processor")
    func overlapping() {
        #expect(sets(2, 1.5, [0, 1, 2, 3]) == [[0, 1, 2], [0, 2, 3]])
        #expect(sets(2, 2, [0, 1, 2, 3]) == [[0, 1, 2, 3], [0, 1, 2, 3]])
        #expect(sets(3, 3, [4, 7]) == [[4, 7], [4, 7], [4, 7]])
        #expect(sets(4, 2, [0, 1, 2, 3]) == [[0, 1], [1, 2], [2, 3], [0, 3]])
    }

    @Test("where cores do not divide evenly each context still has its whole quota")
    func uneven() {
        #expect(sets(2, 1, [0, 1, 2]) == [[0, 1], [1, 2]])
        #expect(sets(3, 1, [0, 1]) == [[0], [0], [1]])
    }

    @Test("more contexts than cores share them one each, none without")
    func moreContextsThanCores() {
        let eight = sets(8, 1, [0, 1])
        #expect(eight == [[0], [0], [0], [0], [1], [1], [1], [1]])
        #expect(sets(3, 1, [6]) == [[6], [6], [6]])
    }

    @Test("every context has its quota of cores, each once, in order", arguments: [1, 1.25, 2, 3.7, 6])
    func quota(oversubscription: Double) {
        for processors in 1...48 {
            for contexts in 6...12 {
                let partition = Partition(contexts: contexts, streams: 2, oversubscription: oversubscription)
                let quota = CPUDevice.cuttingThreads(partition, processors: processors)
                for cores in CoreSets.sets(partition, processors: Array(0..<processors)) {
                    #expect(cores.count == quota && quota >= 1)
                    #expect(Set(cores).count == quota && cores == cores.sorted())
                }
            }
        }
    }
}
