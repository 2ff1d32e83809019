import DarisCore
import Testing

@testable import DarisSimulator

/// A card on which nothing costs anything but kernels: 1 ms and 1 ms an inference, half of the device; noise off.
private func plainCard(_ change: (inout GraphModel) -> Void = { _ in }) -> GPUModel {
    var graphs = GraphModel(
        hostUs: 0, hostJobUs: 0, launchUs: 0, stageUs: 0, inGBs: 1, outGBs: 1, busShare: 0, copyGBs: 1, copyShare: 0,
        collision: 0, collisionPower: 1, disjoint: 0, quotaShare: 1, quotaShareOfJobs: 1, greenGroups: nil, noise: 0,
        networks: [
            "net": .init(
                t0: 1, t1: 1, w0: 0.5, w1: 0.5, inMB: 0, outMB: 0, memoryMiB: 10,
                cuts: ["4": .init(share: [0.1, 0.4, 0.3, 0.2], copyMB: [1, 2, 2, 1])])
        ])
    change(&graphs)
    return GPUModel(
        title: "plain", source: "a test", isMeasured: false, processors: 64, granularity: 8, memoryMiB: 1000,
        peakTFLOPS: 1,
        bandwidthGBs: 1, sharing: .none, networks: [:], graphs: graphs)
}

/// When each of some dispatches that start together ends, in ms by lane.
private func ends(
    _ gpu: GPUModel, _ partition: Partition, kind: PartitionKind = .streams, inferences: [Int]
) -> [Double] {
    let costs = inferences.map { gpu.stages(of: "net", stages: 1, inferences: $0) ?? [] }
    var device = VirtualGPU(gpu, partition: partition, kind: kind, costs: costs, seed: 1)
    for lane in inferences.indices { device.start(task: lane, stage: 0, jobs: 1, lane: lane, at: .zero) }
    var ends = Array(repeating: 0.0, count: inferences.count)
    while let next = device.nextEvent() {
        if let end = device.advance(to: next) { ends[end.lane] = next.inMilliseconds }
    }
    return ends
}

private func lanes(_ streams: Int, contexts: Int = 1, _ oversubscription: Double = 1, express: Int = 0) -> Partition {
    Partition(contexts: contexts, streams: streams, oversubscription: oversubscription, express: express)
}

@Suite("A card with graphs")
struct GraphGPUTests {
    @Test("a dispatch alone takes time affine in its batch, with launch, copies and its end")
    func alone() {
        #expect(close(ends(plainCard(), lanes(1), inferences: [1]), [2]))
        #expect(close(ends(plainCard(), lanes(1), inferences: [8]), [9]))
        let costly = plainCard {
            ($0.launchUs, $0.stageUs, $0.hostUs, $0.hostJobUs) = (100, 200, 400, 800)
            $0.networks["net"]?.inMB = 1
            $0.networks["net"]?.outMB = 2
        }
        // 0.1 launch + 1 in + 2 kernels + 0.2 + 2 out + 0.4 and 0.8 of the host.
        #expect(close(ends(costly, lanes(1), inferences: [1]), [6.5]))
    }

    @Test("stages do not slow each other down until they collide, or use more than the device")
    func sharing() {
        // Each uses half of the device.
        #expect(close(ends(plainCard(), lanes(2), inferences: [1, 1]), [2, 2]))
        #expect(close(ends(plainCard(), lanes(4), inferences: [1, 1, 1, 1]), [4, 4, 4, 4]))
        // 1 + γ·p: p is the other's half.
        let colliding = plainCard { $0.collision = 1 }
        #expect(close(ends(colliding, lanes(2), inferences: [1, 1]), [3, 3]))
    }

    @Test("a context of half the SMs makes a stage's work longer; disjoint ones feel a part of each other")
    func quotas() {
        // Work 1 ms · (64/32 − 1) on top of 2 ms.
        #expect(close(ends(plainCard(), lanes(1, contexts: 2), kind: .green, inferences: [1]), [3]))
        let feeling = plainCard { ($0.collision, $0.disjoint) = (1, 0.3) }
        let beside = ends(feeling, lanes(1, contexts: 2), kind: .green, inferences: [1, 1])
        // p = 0.3 · half of the device · (1 + 1) / 3 of that context.
        #expect(close(beside, [3.3, 3.3]))
    }

    @Test("ends are served one after another")
    func host() {
        #expect(close(ends(plainCard { $0.hostUs = 1000 }, lanes(2), inferences: [1, 1]).sorted(), [3, 4]))
    }

    @Test("a stage on an express lane feels nothing of the others, which go on with what is left")
    func express() {
        let gpu = plainCard { ($0.collision, $0.preemptionMs) = (1, 0) }
        let costs = [gpu.stages(of: "net", stages: 1, inferences: 1) ?? []]
        var device = VirtualGPU(gpu, partition: lanes(1, express: 1), kind: .streams, costs: costs, seed: 1)
        device.start(task: 0, stage: 0, jobs: 1, lane: 0, at: .zero)
        device.start(task: 0, stage: 0, jobs: 1, lane: 1, at: .zero)
        var ends: [Int: Double] = [:]
        while let next = device.nextEvent() {
            if let end = device.advance(to: next) { ends[end.lane] = next.inMilliseconds }
        }
        // Beside the express stage the other ran at 1 / 1.5: 4/3 of its 2 ms are done by then.
        #expect(close([ends[1] ?? 0, ends[0] ?? 0], [2, 2 + 2.0 / 3]))
    }

    @Test("a dropped stage leaves the host to the others")
    func abandoned() {
        var gpu = plainCard { $0.hostUs = 1000 }
        gpu.graphs?.networks["net"]?.t0 = 1
        let costs = [gpu.stages(of: "net", stages: 1, inferences: 1) ?? []]
        var device = VirtualGPU(gpu, partition: lanes(2), kind: .streams, costs: costs, seed: 1)
        for lane in 0..<2 { device.start(task: 0, stage: 0, jobs: 1, lane: lane, at: .zero) }
        // Both have computed at 2 ms; one is being served.
        for _ in 0..<6 { if let next = device.nextEvent(), next <= .milliseconds(2) { _ = device.advance(to: next) } }
        device.abandon(lane: 0, at: .milliseconds(2))
        var last = 0.0
        while let next = device.nextEvent() { if device.advance(to: next) != nil { last = next.inMilliseconds } }
        #expect(close([last], [3]))
    }

    @Test("a network is cut as it was measured, else into the evenest stages that those make")
    func cuts() throws {
        let network = try #require(plainCard().graphs?.networks["net"])
        #expect(network.cut(1).share == [1] && network.cut(1).copyMB == [0])
        #expect(network.cut(4).share == [0.1, 0.4, 0.3, 0.2])
        #expect(close(network.cut(2).share, [0.5, 0.5]))
        #expect(close(network.cut(2).copyMB, [1, 1]))
        #expect(close(network.cut(8).share, Array(repeating: 0.125, count: 8)))
    }

    @Test("closed loops on one lane make a batch in its time")
    func closedLoop() {
        #expect(close([ClosedLoop("net", batch: 8, lanes: 1).throughput(on: plainCard()) ?? 0], [8 / 9e-3]))
        #expect(
            close(
                [ClosedLoop("net", stages: 4, batch: 8, lanes: 1).throughput(on: plainCard { $0.copyGBs = 1e6 }) ?? 0],
                [8 / 9e-3]))
        #expect(ClosedLoop("other", batch: 8, lanes: 1).throughput(on: plainCard()) == nil)
    }

    @Test("a device file with graphs is written and read as it was, and its numbers are checked")
    func file() throws {
        let gpu = plainCard()
        #expect(try GPUCatalogue.read(GPUCatalogue.encoded(gpu), file: "card.json") == gpu)
        var wrong = gpu
        wrong.graphs?.networks["net"]?.cuts["4"]?.share = [0.5, 0.5]
        #expect(throws: GPUModelError.self) { try GPUCatalogue.read(GPUCatalogue.encoded(wrong), file: "card.json") }
        wrong = gpu
        wrong.graphs?.inGBs = 0
        let problem = try #require(wrong.problem())
        #expect(problem == "graphs.inGBs is 0.0; it must be from 0.001 to 1000000.0")
    }
}

private func close(_ found: [Double], _ expected: [Double]) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-3 * max(1, abs($1)) }
}
