import Testing

@testable import DarisONNX

@Suite("The best cuts")
struct StagePartitionTests {
    /// Every way to choose so many positions, ascending.
    private func choices(_ count: Int, from positions: ArraySlice<Int>) -> [[Int]] {
        guard count > 0 else { return [[]] }
        return positions.indices.flatMap { index in
            choices(count - 1, from: positions[(index + 1)...]).map { [positions[index]] + $0 }
        }
    }

    private func score(_ cuts: [Int], _ costs: [Int64], _ bytes: [Int]) -> (longest: Int64, carried: Int) {
        let bounds = [0] + cuts + [costs.count]
        let longest = zip(bounds, bounds.dropFirst()).map { costs[$0..<$1].reduce(0, +) }.max() ?? 0
        return (longest, cuts.reduce(0) { $0 + bytes[$1] })
    }

    @Test("with a tolerance the longest stage grows by no more than that, to save bytes")
    func tolerance() {
        let partition = StagePartition(costs: [50, 50, 6, 44], liveBytes: [0, 10, 9, 1, 0]) { _ in true }
        #expect(partition.cuts(stages: 2) == [2], "100 and 50, though 9 bytes cross")
        #expect(partition.cuts(stages: 2, tolerance: 0.05) == [2])
        #expect(partition.cuts(stages: 2, tolerance: 0.1) == [3], "106 and 44: 1 byte crosses")
    }

    @Test("no other cuts have a shorter longest stage, nor as short a one with fewer bytes", arguments: 0..<600)
    func optimal(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let count = Int.random(in: 1...9, using: &generator)
        // Small ranges make many ties, zero costs among them.
        let largest: Int64 = [1, 3, 100][seed % 3]
        let costs = (0..<count).map { _ in Int64.random(in: 0...largest, using: &generator) }
        let bytes = (0...count).map { _ in Int.random(in: 0...9, using: &generator) }
        let allowed = (0...count).map { _ in Int.random(in: 0..<4, using: &generator) > 0 }
        let partition = StagePartition(costs: costs, liveBytes: bytes) { allowed[$0] }
        let positions = (0..<count).dropFirst().filter { allowed[$0] }
        #expect(partition.largestStageCount == positions.count + 1)
        for stages in 1...partition.largestStageCount {
            let cuts = partition.cuts(stages: stages)
            #expect(cuts.count == stages - 1)
            #expect(zip(cuts, cuts.dropFirst()).allSatisfy(<))
            #expect(cuts.allSatisfy { positions.contains($0) })
            let best = choices(stages - 1, from: positions[...]).map { score($0, costs, bytes) }.min(by: <)
            let found = score(cuts, costs, bytes)
            #expect(found == (try #require(best)), "\(stages) stages: \(cuts)")
        }
    }
}
