import DarisCore
import Testing

@testable import DarisSimulator

@Suite("The GPU model")
struct SimulatedGPUTests {
    private func close(_ times: [Double], _ expected: [Double]) -> Bool {
        zip(times, expected).allSatisfy { abs($0 - $1) < 1e-4 }
    }

    @Test("a stage alone takes its overhead, its launch, and its work over the SMs it can keep busy")
    func alone() {
        let gpu = plainGPU { $0.stageOverheadMs = 0.5 }
        let time = times(of: stage(launch: 2, work: 96, parallelism: 32), on: [0], gpu, partition(1, 1))
        #expect(close(time, [0.5 + 2 + 3]))
    }

    @Test("a context's quota bounds its stages, whatever they could use")
    func quota() {
        #expect(close(times(of: stage(work: 64), on: [0], plainGPU(), partition(4, 1)), [4]))
        #expect(close(times(of: stage(work: 64), on: [0], plainGPU(), partition(4, 1, os: 4)), [1]))
    }

    @Test("an express stage takes the SMs that it wants first, after a time in which what runs keeps them")
    func express() {
        var cut = partition(1, 1)
        cut.express = 1
        // 0.05 ms alone, 1 ms with the hundredth that is always left, and the rest.
        #expect(close(times(of: stage(work: 64), on: [0, 1], plainGPU(), cut), [1.99, 1.05]))
        // With SMs enough for both neither waits but for the making way.
        #expect(close(times(of: stage(work: 32, parallelism: 32), on: [0, 1], plainGPU(), cut), [1, 1.05]))
    }

    @Test("AFET is measured on ordinary lanes, all of which are kept busy: express lanes change nothing in it")
    func expressProfile() throws {
        func afets(_ express: Int) -> [[Nanoseconds]] {
            var cut = partition(2, 1)
            cut.express = express
            let costs = [[stage(work: 64)], [stage(work: 16, parallelism: 16), stage(work: 8)], [stage(work: 32)]]
            let profiler = FullLoadProfiler(stageCounts: costs.map(\.count), cut)
            return costs.indices.map { task in
                var device = SimulatedGPU(plainGPU(), partition: cut, costs: costs, seed: 1)
                return profiler.afet(of: task, on: &device, seed: 7)
            }
        }
        let (without, with) = (afets(0), afets(1))
        #expect(with == without)
    }

    @Test("streams of a context share its quota")
    func streams() {
        // Two stages of 32 SMs each fit into 64; four do not.
        let cost = stage(work: 32, parallelism: 32)
        #expect(close(times(of: cost, on: [0, 1], plainGPU(), partition(1, 4)), [1, 1]))
        #expect(close(times(of: cost, on: [0, 1, 2, 3], plainGPU(), partition(1, 4)), [2, 2, 2, 2]))
        #expect(close(times(of: cost, on: [0, 1], plainGPU(), partition(4, 2)), [4, 4]))
    }

    @Test("disjoint contexts do not slow each other; oversubscribed ones share the SMs there are")
    func contexts() {
        let cost = stage(work: 64)
        #expect(close(times(of: cost, on: [0, 1, 2, 3], plainGPU(), partition(4, 1)), [4, 4, 4, 4]))
        #expect(close(times(of: cost, on: [0, 1, 2, 3], plainGPU(), partition(4, 1, os: 4)), [4, 4, 4, 4]))
        #expect(close(times(of: cost, on: [0, 1], plainGPU(), partition(4, 1, os: 4)), [2, 2]))
    }

    @Test("MPS contexts whose windows overlap by chance have fewer SMs; green contexts keep theirs")
    func overlap() {
        let gpu = plainGPU { $0.windowOverlap = 1 }
        let cost = stage(work: 64)
        // Two windows of half the SMs, drawn at random, cover three quarters: 24 SMs each.
        #expect(close(times(of: cost, on: [0, 1], gpu, partition(2, 1), kind: .mps), [64.0 / 24, 64.0 / 24]))
        #expect(close(times(of: cost, on: [0, 1], gpu, partition(2, 1), kind: .green), [2, 2]))
        #expect(close(times(of: cost, on: [0], gpu, partition(2, 1), kind: .mps), [2]))
    }

    @Test("launches exclude each other in a context, and not across contexts of one stream")
    func launches() {
        let cost = stage(launch: 1, work: 0.0001, parallelism: 1)
        #expect(times(of: cost, on: [0, 1], plainGPU(), partition(1, 2)).allSatisfy { abs($0 - 2) < 1e-3 })
        #expect(times(of: cost, on: [0, 1], plainGPU(), partition(2, 1)).allSatisfy { abs($0 - 1) < 1e-3 })
        // Several streams in several contexts: everywhere.
        #expect(times(of: cost, on: [0, 2], plainGPU(), partition(2, 2)).allSatisfy { abs($0 - 2) < 1e-3 })
    }

    @Test("memory bandwidth bounds stages that ask for much of it")
    func bandwidth() {
        let hungry = stage(work: 64, bandwidthShare: 0.5)
        #expect(close(times(of: hungry, on: [0], plainGPU(), partition(1, 1)), [2]))
        #expect(close(times(of: hungry, on: [0], plainGPU(), partition(2, 1)), [2]))
    }

    @Test("one context leaves a gap between its kernels that others fill")
    func gaps() {
        let gpu = plainGPU { $0.kernelGap = 0.2 }
        let cost = stage(work: 64)
        #expect(close(times(of: cost, on: [0], gpu, partition(2, 1, os: 2)), [1 / 0.8]))
        #expect(close(times(of: cost, on: [0, 1], gpu, partition(2, 1, os: 2)), [2 / 0.9, 2 / 0.9]))
    }

    @Test("busy lanes beyond the hardware queues slow everything")
    func queues() {
        let gpu = plainGPU {
            $0.queueLanes = 2
            $0.queueCrowding = 0.5
        }
        let cost = stage(work: 16, parallelism: 16)
        #expect(close(times(of: cost, on: [0, 1], gpu, partition(4, 1)), [1, 1]))
        #expect(close(times(of: cost, on: [0, 1, 2, 3], gpu, partition(4, 1)), [2, 2, 2, 2]))
    }

    @Test("a stage that starts later shares from then on only")
    func overTime() {
        var device = SimulatedGPU(plainGPU(), partition: partition(1, 2), costs: [[stage(work: 64)]], seed: 1)
        device.start(task: 0, stage: 0, lane: 0, at: .zero)
        device.move(to: .microseconds(500))
        device.start(task: 0, stage: 0, lane: 1, at: .microseconds(500))
        var ends: [Int: Double] = [:]
        while let next = device.nextEvent() {
            if let end = device.advance(to: next) { ends[end.lane] = next.inMilliseconds }
        }
        #expect(close([ends[0] ?? 0, ends[1] ?? 0], [1.5, 2]))
    }

    @Test("the work of a lost context leaves its share to the others")
    func abandoned() {
        var device = SimulatedGPU(plainGPU(), partition: partition(1, 2), costs: [[stage(work: 64)]], seed: 1)
        device.start(task: 0, stage: 0, lane: 0, at: .zero)
        device.start(task: 0, stage: 0, lane: 1, at: .zero)
        device.move(to: .milliseconds(1))
        device.abandon(lane: 1, at: .milliseconds(1))
        var end: Nanoseconds?
        while let next = device.nextEvent() { if device.advance(to: next) != nil { end = next } }
        #expect(end.map { abs($0.inMilliseconds - 1.5) < 1e-4 } == true)
    }

    @Test(
        "random mixes: SM time is kept, no stage is faster than alone, and none is forgotten",
        arguments: 1...60 as ClosedRange<UInt64>)
    func conservation(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let shape = partition(Int.random(in: 1...4, using: &random), Int.random(in: 1...3, using: &random))
        let os = Double(Int.random(in: 1...shape.contexts, using: &random))
        let partition = partition(shape.contexts, shape.streams, os: os)
        let costs = (0..<4).map { _ in
            stage(
                launch: Double.random(in: 0...1, using: &random), work: Double.random(in: 1...100, using: &random),
                parallelism: Double.random(in: 2...64, using: &random))
        }
        let gpu = plainGPU { $0.windowOverlap = Double.random(in: 0...1, using: &random) }
        var device = SimulatedGPU(gpu, partition: partition, costs: costs.map { [$0] }, seed: seed)
        let quota = Double(partition.quota(units: 64, granularity: 2))
        var (now, started, ended, work) = (Nanoseconds.zero, 0, 0, 0.0)
        var running: [Int: Int] = [:]
        for lane in 0..<partition.lanes {
            let task = Int.random(in: 0..<4, using: &random)
            device.start(task: task, stage: 0, lane: lane, at: now)
            running[lane] = task
            started += 1
        }
        while let next = device.nextEvent() {
            #expect(next >= now)
            now = next
            guard let end = device.advance(to: now) else { continue }
            let task = running[end.lane] ?? 0
            let alone = costs[task].launch + costs[task].work / min(costs[task].parallelism, quota)
            #expect(Double(end.executionTime.rawValue) >= alone - 10)
            ended += 1
            work += costs[task].work
            guard started < 60 else { continue }
            let other = Int.random(in: 0..<4, using: &random)
            device.start(task: other, stage: 0, lane: end.lane, at: now)
            running[end.lane] = other
            started += 1
        }
        #expect(started == ended)
        #expect(work <= 64 * Double(now.rawValue) * (1 + 1e-9))
    }

    @Test("execution times vary about a mean of 1 with the deviation asked for")
    func noise() {
        var source = NoiseSource(sigma: 0.2, seed: 4)
        let factors = (0..<20_000).map { _ in source.next() }
        let mean = factors.reduce(0, +) / 20_000
        let deviation = (factors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000).squareRoot()
        #expect(abs(mean - 1) < 0.01 && abs(deviation - 0.2) < 0.01)
    }

    @Test("the AFET of a stage is its time while all other lanes are busy")
    func fullLoad() {
        let task = SimulatedTask(
            TaskSpecification(name: "t", period: .milliseconds(10), priority: .low, afet: []), network: "net",
            stages: [.launched(stage(work: 64)), .launched(stage(work: 128))])
        let alone = Simulation.afets([task], on: plainGPU(), partition: partition(1, 4), kind: .streams, seed: 1)[0]
        #expect(close(alone.map(\.inMilliseconds), [1, 2]))
        let loaded = Simulation.afets(
            Array(repeating: task, count: 4), on: plainGPU(), partition: partition(1, 4), kind: .streams, seed: 1)[0]
        #expect(loaded[0].inMilliseconds > 3.5 && loaded[0].inMilliseconds < 4.5)
    }
}
