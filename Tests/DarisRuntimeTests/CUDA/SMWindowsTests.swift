import DarisCore
import Testing

@testable import DarisRuntime

@Suite("Windows of SMs")
struct SMWindowsTests {
    private func windows(
        _ contexts: Int, _ oversubscription: Double, sms: Int = 132, size: Int = 8
    ) -> SMWindows {
        SMWindows(
            partition: Partition(contexts: contexts, streams: 1, oversubscription: oversubscription),
            multiprocessorCount: sms, groupSize: size, groupCount: sms / size)
    }

    @Test("at OS = 1 contexts are disjoint and use every group", arguments: 1...16)
    func disjoint(contexts: Int) {
        let windows = windows(contexts, 1)
        #expect(windows.groups.flatMap { $0 } == Array(0..<16))
        let sizes = windows.groups.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        for first in 0..<contexts {
            for second in 0..<first { #expect(windows.shared(first, second) == 0) }
        }
    }

    @Test("beyond, windows have the quota in whole groups, and groups serve alike many contexts")
    func overlapping() {
        let four = windows(4, 2)
        #expect(four.groups == [Array(0..<8), Array(4..<12), Array(8..<16), [0, 1, 2, 3, 12, 13, 14, 15]])
        #expect(four.multiprocessors(of: 1) == Array(32..<96))
        #expect(four.shared(0, 1) == 32 && four.shared(0, 2) == 0)
        for contexts in 2...16 {
            for step in 0...4 {
                let oversubscription = 1.1 + Double(step) * (Double(contexts) - 1.1) / 4
                let windows = windows(contexts, oversubscription)
                let partition = Partition(contexts: contexts, streams: 1, oversubscription: oversubscription)
                let quota = partition.quota(units: 128, granularity: 8)
                #expect(windows.groups.allSatisfy { $0.count * 8 == quota && Set($0).count == $0.count })
                let uses = (0..<16).map { group in windows.groups.count { $0.contains(group) } }
                #expect((uses.max() ?? 0) - (uses.min() ?? 0) <= 2, "\(contexts) × \(oversubscription): \(uses)")
            }
        }
    }

    @Test("at OS = N_c every context has the whole device")
    func whole() {
        #expect(windows(6, 6).groups == Array(repeating: Array(0..<16), count: 6))
    }

    @Test("what rounding changed is said")
    func notes() {
        #expect(windows(2, 1, sms: 68, size: 2).notes.isEmpty)
        #expect(
            windows(6, 1).notes == [
                "each context has 16 or 24 SMs instead of 22, since they come in groups of 8",
                "4 of 132 SMs are in no group of 8 and stay idle",
            ])
        #expect(windows(3, 1, sms: 16).notes.last == "3 contexts share 2 groups, since a group cannot be cut")
    }

    @Test("more contexts than groups get one each, whatever it costs")
    func crowded() {
        let windows = windows(5, 1, sms: 16)
        #expect(windows.groups == [[0], [0], [0], [1], [1]])
    }
}
