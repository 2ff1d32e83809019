import DarisSimulator
import DarisCore
import Testing

@testable import DarisCheck

@Suite("The plan of a check")
struct PlanTests {
    @Test("the task sets have the paper's numbers of tasks")
    func counts() {
        let counts = CheckTaskSet.paper.map { set in
            [set.groups.reduce(0) { $0 + $1.high }, set.groups.reduce(0) { $0 + $1.low }]
        }
        #expect(CheckTaskSet.paper.map(\.name) == ["resnet18", "unet", "inception_v3", "mixed"])
        #expect(counts == [[16, 32], [5, 10], [8, 16], [10, 18]])
    }

    @Test("task sets need all their networks; a network from a file has one like ResNet18's")
    func available() {
        let resnet = CheckNetwork.builtins.filter { $0.name == "resnet18" }
        #expect(CheckTaskSet.sets(of: resnet).map(\.name) == ["resnet18"])
        #expect(CheckTaskSet.sets(of: CheckNetwork.builtins).count == 4)
        let file = CheckNetwork(name: "mine", source: .file("mine.onnx"), stages: 2)
        let set = CheckTaskSet.sets(of: [file])[0]
        #expect(set.name == "mine" && set.groups == [.init(network: "mine", high: 16, low: 32, rate: 30)])
    }

    @Test(
        "tasks are as many as the demand needs, at the paper's rates as far as that can be",
        arguments: [
            (1_440, 16, 32, 30), (27_360, 304, 608, 30), (27_157, 302, 603, 27_157.0 / 905), (60, 1, 1, 30),
            (15, 1, 1, 7.5), (1_200_000, 1_333, 2_667, 300),
        ] as [(Double, Int, Int, Double)])
    func numbers(demand: Double, high: Int, low: Int, rate: Double) {
        let group = CheckTaskSet.paper[0].scaled(to: demand).groups[0]
        #expect(group.high == high && group.low == low && abs(group.rate / rate - 1) < 1e-9)
    }

    @Test("the demand is 1.5 times the throughput of batching alone, and the periods add up to it")
    func scaling() throws {
        let best = ["resnet18": 9_000.0, "unet": 2_000, "inception_v3": 3_000]
        for set in CheckTaskSet.paper {
            let capacity = try #require(set.batchingThroughput(best: best))
            let demand = CheckTaskSet.overload * capacity
            #expect(CheckTaskSet.overload == 1.5)
            let made = set.taskSet(
                green(6, 1, 6), device: "cuda", demand: demand, duration: .seconds(Int64(2)),
                networks: CheckNetwork.builtins)
            let asked = made.tasks.reduce(0) { $0 + 1 / $1.period.inSeconds }
            #expect(abs(asked / demand - 1) < 1e-4)
            #expect(made.tasks.allSatisfy { $0.deadline == nil && $0.overrun == .queue(limit: 1) })
            #expect(made.partitionKind == .green && made.partition.contexts == 6)
            #expect(Set(made.models.map(\.name)) == Set(set.groups.map(\.network)))
            #expect(Set(made.tasks.map(\.name)).count == made.tasks.count)
            #expect(abs(set.longestPeriod(demand: demand) - made.tasks.map(\.period.inSeconds).max()!) < 1e-6)
        }
    }

    @Test("a mixed set's batching throughput gives each network its share of the demand")
    func mixed() throws {
        let set = CheckTaskSet(
            name: "two",
            groups: [
                .init(network: "fast", high: 1, low: 2, rate: 100), .init(network: "slow", high: 1, low: 0, rate: 100),
            ])
        // 300 of the fast at 1000/s and 100 of the slow at 100/s take 1.3 s together.
        let throughput = try #require(set.batchingThroughput(best: ["fast": 1_000, "slow": 100]))
        #expect(abs(throughput - 400 / 1.3) < 1e-9)
        #expect(set.batchingThroughput(best: ["fast": 1_000]) == nil)
        #expect(CheckTaskSet.paper[0].batchingThroughput(best: ["resnet18": 777]).map { abs($0 - 777) < 1e-9 } == true)
    }

    @Test("a sweep sees every kind first, then the neighbours of the best, and nothing twice")
    func sweep() throws {
        var order = SweepOrder(kinds: [.streams, .green], batching: false, limit: 16)
        let first = (0..<2).compactMap { _ in order.next(best: nil) }
        #expect(first.map(\.kind) == [.streams, .green] && first[1] == green(6, 1, 6))
        var seen = Set(first)
        while !order.hasSeenAllKinds {
            let next = order.next(best: nil)
            #expect(seen.insert(try #require(next)).inserted)
        }
        let best = green(6, 1, 2)
        while let next = order.next(best: best) {
            #expect(seen.insert(next).inserted, "\(next.label) came twice")
            #expect(next.kind == .green && next.partition.lanes <= 16)
            #expect((1...Double(next.partition.contexts)).contains(next.partition.oversubscription))
            #expect(
                abs(next.partition.contexts - 6) <= 2 && abs(next.partition.streams - 1) <= 2,
                "\(next.label) is no neighbour")
            #expect(seen.count < 200)
        }
        #expect(seen.contains(green(7, 1, 2.33)) && seen.contains(green(5, 1, 1.67)))
    }

    @Test("with batching, every partition is tried with and without")
    func batching() {
        var order = SweepOrder(kinds: [.green], batching: true, limit: 16)
        let pair = (0..<2).compactMap { _ in order.next(best: nil) }
        #expect(pair == [green(6, 1, 6, largestBatch: 32), green(6, 1, 6)])
        #expect(pair[0].label == "green 6×1 OS 6, batches of 32")
    }

    @Test("a configuration's number of stages is that of its networks, and in its name")
    func stages() {
        let one = SweepConfiguration(.streams, Partition(contexts: 1, streams: 3, oversubscription: 1), stages: 1)
        let made = CheckTaskSet.paper[1].taskSet(
            one, device: "cuda", demand: 500, duration: .seconds(Int64(1)), networks: CheckNetwork.builtins)
        #expect(made.models.map(\.stages) == [.fixed(1)] && one.label == "streams 1×3, one stage")
        let own = CheckTaskSet.paper[1].taskSet(
            green(6, 1, 6), device: "cuda", demand: 500, duration: .seconds(Int64(1)), networks: CheckNetwork.builtins)
        #expect(own.models.map(\.stages) == [.fixed(14)])
    }

    @Test("a run that keeps the deadlines is better, then the faster one")
    func better() {
        let keeps = row("a", jps: 900)
        let misses = row("a", jps: 1_500) { $0.hpDMR = 0.01 }
        let lateLow = row("a", jps: 1_400) { $0.lpDMR = 0.02 }
        #expect(keeps.isBetter(than: misses) && !misses.isBetter(than: keeps))
        #expect(keeps.isBetter(than: lateLow) && lateLow.isBetter(than: misses))
        #expect(row("a", jps: 901).isBetter(than: keeps) && !keeps.isBetter(than: keeps))
        #expect(!row("a") { $0.hpCompleted = 0 }.keepsDeadlines)
    }
}
