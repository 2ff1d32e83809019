import DarisCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A GPU in virtual time: stages share its SMs by generalised processor sharing, and launches share the host.
///
/// A stage goes through three phases:
/// - *wake*: the host notices it,
/// - *launch*: the host adds its kernels to the context's queue; launches in one context exclude each other, so each of
///   n runs at 1/n of the speed,
/// - *compute*: its SM·ns are worked off at the rate of its SMs. The bounds are its parallelism, its context's quota,
///   which the streams of the context share, and the device's SMs and memory bandwidth, which all share.
///
/// A stage on an express lane takes the SMs that it wants before others do, after a time in which what runs keeps them.
///
/// `docs/gpu-model.md` has the equations.
package struct SimulatedGPU: VirtualDevice, Sendable {
    /// The phase of a lane.
    private enum Phase: UInt8 { case idle, wake, launch, compute }

    private struct Lane {
        var phase = Phase.idle
        /// The rest of the phase: ns of launching, SM·ns of work.
        var left = 0.0
        /// The part of it that is done in a nanosecond.
        var rate = 0.0
        var launch = 0.0
        var work = 0.0
        var parallelism = 0.0
        /// The share of the memory bandwidth that each of its SMs takes.
        var bandwidth = 0.0
        var started = Nanoseconds.zero
        var context = 0
        var isExpress = false
    }

    private let processors: Double
    private let sharing: GPUModel.Sharing
    /// θ of this kind of partition.
    private let overlap: Double
    /// How long what runs keeps its SMs when an express stage starts, in ns.
    private let preemption: Double
    /// By context: the SMs that its express stages have.
    private var express: ContiguousArray<Double>
    /// Whether several contexts have several streams each. If so, launches exclude each other in all contexts.
    private let sharesLaunches: Bool
    private let stageOverhead: Double
    private let costs: ContiguousArray<StageCost>
    /// The costs of a task's stages in batches, by number of jobs.
    private let batched: [[Int: [StageCost]]]
    private let firstStage: ContiguousArray<Int>
    private let quota: Double
    private var lanes: ContiguousArray<Lane>
    /// The busy lanes, in no particular order.
    private var busy: ContiguousArray<Int> = []
    private var launching: ContiguousArray<Int>
    private var demand: ContiguousArray<Double>
    private var granted: ContiguousArray<Double>
    private var computing: ContiguousArray<Double>
    private var computingInAll = 0
    private var launchingInAll = 0
    private var now = Nanoseconds.zero
    private var next: (time: Nanoseconds, lane: Int)?
    private var isStale = true
    private var noise: NoiseSource
    /// Work done so far, in ns of all SMs.
    package private(set) var busyTime = 0.0

    /// An idle GPU.
    ///
    /// - Parameters:
    ///   - costs: The cost of each stage of each task.
    ///   - batched: The costs of batches, by task and number of jobs; empty without batching.
    ///   - seed: The seed of the variation of execution times.
    package init(
        _ gpu: GPUModel, partition: Partition, kind: PartitionKind = .mps, costs: [[StageCost]],
        batched: [[Int: [StageCost]]] = [], seed: UInt64
    ) {
        processors = Double(gpu.processors)
        sharing = gpu.sharing
        overlap = kind == .green ? 0 : gpu.sharing.windowOverlap
        sharesLaunches = partition.contexts > 1 && partition.lanesPerContext > 1
        stageOverhead = gpu.sharing.stageOverheadMs * 1e6
        self.costs = ContiguousArray(costs.joined())
        self.batched = batched
        var first = 0
        firstStage = ContiguousArray(
            costs.map { stages in
                defer { first += stages.count }
                return first
            })
        quota = Double(partition.quota(units: gpu.processors, granularity: gpu.granularity))
        lanes = ContiguousArray(
            (0..<partition.laneCount).map { index in
                var lane = Lane()
                lane.context = partition.context(of: index)
                lane.isExpress = partition.isExpress(index)
                return lane
            })
        busy.reserveCapacity(partition.laneCount)
        preemption = (gpu.sharing.preemptionMs ?? GPUModel.Sharing.usualPreemptionMs) * 1e6
        launching = ContiguousArray(repeating: 0, count: partition.contexts)
        demand = ContiguousArray(repeating: 0, count: partition.contexts)
        granted = ContiguousArray(repeating: 0, count: partition.contexts)
        express = ContiguousArray(repeating: 0, count: partition.contexts)
        computing = ContiguousArray(repeating: 0, count: partition.contexts)
        noise = NoiseSource(
            sigma: gpu.sharing.noise, seed: seed, tailShare: gpu.sharing.tailShare ?? 0,
            tailFactor: gpu.sharing.tailFactor ?? 1)
    }

    /// Starts a stage on an idle lane.
    package mutating func start(task: Int, stage: Int, jobs: Int = 1, lane: Int, at time: Nanoseconds) {
        precondition(lanes[lane].phase == .idle, "lane \(lane) is busy")
        elapse(to: time)
        let cost = cost(of: task, stage: stage, jobs: jobs)
        let factor = noise.next()
        lanes[lane].phase = .wake
        lanes[lane].left = stageOverhead * factor + (lanes[lane].isExpress ? preemption : 0)
        lanes[lane].launch = cost.launch * factor
        lanes[lane].work = cost.work * factor
        lanes[lane].parallelism = min(cost.parallelism, quota)
        lanes[lane].bandwidth = 1 / (cost.bandwidthShare * processors)
        lanes[lane].started = time
        busy.append(lane)
        isStale = true
    }

    private func cost(of task: Int, stage: Int, jobs: Int) -> StageCost {
        if jobs == 1 { return costs[firstStage[task] + stage] }
        guard let cost = batched[task][jobs]?[stage] else {
            preconditionFailure("a batch of \(jobs) jobs of task \(task) has no known cost")
        }
        return cost
    }

    /// Drops the work of a lane.
    package mutating func abandon(lane: Int, at time: Nanoseconds) {
        guard lanes[lane].phase != .idle else { return }
        elapse(to: time)
        leavePhase(lane)
        lanes[lane].phase = .idle
        busy.removeAll { $0 == lane }
        isStale = true
    }

    /// The time of the next event; `nil` if nothing runs.
    package mutating func nextEvent() -> Nanoseconds? {
        if isStale { share() }
        return next?.time
    }

    /// Advances to the next event. Returns the lane whose stage has ended, if one has.
    package mutating func advance(to time: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)? {
        if isStale { share() }
        guard let (due, lane) = next, due <= time else { return nil }
        elapse(to: due)
        isStale = true
        leavePhase(lane)
        switch lanes[lane].phase {
        case .wake:
            lanes[lane].phase = .launch
            lanes[lane].left = lanes[lane].launch
            launching[lanes[lane].context] += 1
            launchingInAll += 1
            return nil
        case .launch:
            lanes[lane].phase = .compute
            lanes[lane].left = lanes[lane].work
            computingInAll += 1
            return nil
        case .compute, .idle:
            lanes[lane].phase = .idle
            if let place = busy.firstIndex(of: lane) { busy.swapAt(place, busy.count - 1) }
            busy.removeLast()
            return (lane, due - lanes[lane].started)
        }
    }

    private mutating func leavePhase(_ lane: Int) {
        switch lanes[lane].phase {
        case .launch:
            launching[lanes[lane].context] -= 1
            launchingInAll -= 1
        case .compute: computingInAll -= 1
        case .idle, .wake: break
        }
    }

    /// Lets time pass, in which no event lies.
    private mutating func elapse(to time: Nanoseconds) {
        let span = Double((time - now).rawValue)
        guard span > 0 else { return }
        if isStale { share() }
        assert(next.map { $0.time >= time } ?? true, "an event lies before the time that the device is moved to")
        now = time
        for lane in busy {
            lanes[lane].left -= lanes[lane].rate * span
            if lanes[lane].phase == .compute { busyTime += lanes[lane].rate * span / processors }
        }
    }

    /// Updates the rates of all busy lanes and the next event (docs/gpu-model.md, equations 1 to 6).
    private mutating func share() {
        isStale = false
        next = nil
        guard !busy.isEmpty else { return }
        let crowding = 1 + sharing.queueCrowding * max(0, Double(busy.count) - sharing.queueLanes)
        let first =
            busy.contains { lanes[$0].isExpress && lanes[$0].phase == .compute } ? shareExpress() : (rate: 0, left: 1)
        let isShared = computingInAll > 0 && first.left > 0
        let computeRate = isShared ? shareProcessors(left: first.left) / crowding : 0
        // Many busy lanes lengthen launches if contexts share them.
        let launchCrowding =
            sharesLaunches ? 1 + sharing.launchCrowding * max(0, Double(busy.count) - sharing.launchLanes) : 1
        var soonest = Double.infinity
        var soonestLane = -1
        for lane in busy {
            let context = lanes[lane].context
            switch lanes[lane].phase {
            case .wake: lanes[lane].rate = 1
            case .launch:
                let launchers = Double(sharesLaunches ? launchingInAll : launching[context])
                lanes[lane].rate = 1 / (launchers * launchCrowding * crowding)
            case .compute where lanes[lane].isExpress:
                lanes[lane].rate = first.rate / crowding * lanes[lane].parallelism
            case .compute, .idle: lanes[lane].rate = computeRate * granted[context] * lanes[lane].parallelism
            }
            let span = lanes[lane].left / lanes[lane].rate
            if span < soonest || (span == soonest && lane < soonestLane) {
                soonest = span
                soonestLane = lane
            }
        }
        next = (now + Nanoseconds(Int64(min(max(0, soonest.rounded(.up)), 4e18))), soonestLane)
    }

    /// The part of the device that is left to other stages whatever express stages want.
    private static let leastShare = 0.01

    /// Grants express stages what they want, as far as the device has it: the rate of each for each SM that it wants, and the part
    /// of the device that is left for the others.
    private mutating func shareExpress() -> (rate: Double, left: Double) {
        var (wanted, traffic) = (0.0, 0.0)
        for context in express.indices { express[context] = 0 }
        for lane in busy where lanes[lane].phase == .compute && lanes[lane].isExpress {
            wanted += lanes[lane].parallelism
            traffic += lanes[lane].parallelism * lanes[lane].bandwidth
        }
        let rate = min(1, processors / wanted, (1 - sharing.kernelGap) / traffic)
        for lane in busy where lanes[lane].phase == .compute && lanes[lane].isExpress {
            express[lanes[lane].context] += lanes[lane].parallelism * rate
        }
        let left = min(1 - wanted * rate / processors, 1 - traffic * rate)
        return (rate, max(left, Self.leastShare))
    }

    /// Updates the share of its demand that each context grants its ordinary stages, and returns the part of it that the device
    /// can provide, of which a part is left.
    private mutating func shareProcessors(left: Double) -> Double {
        let processors = processors * left
        for lane in busy where lanes[lane].phase == .compute {
            demand[lanes[lane].context] = 0
            computing[lanes[lane].context] = 0
        }
        for lane in busy where lanes[lane].phase == .compute && !lanes[lane].isExpress {
            demand[lanes[lane].context] += lanes[lane].parallelism
            computing[lanes[lane].context] += 1
        }
        var (total, free, traffic, active) = (0.0, 1.0, 0.0, 0.0)
        for lane in busy where lanes[lane].phase == .compute && !lanes[lane].isExpress {
            let context = lanes[lane].context
            if demand[context] > 0 {
                let used = min(
                    demand[context], left == 1 ? quota : max(quota - express[context], quota * Self.leastShare))
                let neighbours = 1 - 1 / computing[context]
                granted[context] = used / demand[context] / (1 + sharing.streamInterference * neighbours)
                demand[context] = 0
                total += used
                free *= 1 - used / processors
                active += 1
            }
            traffic +=
                granted[context] * lanes[lane].parallelism * lanes[lane].bandwidth
                * (1 + sharing.streamInterference * (1 - 1 / computing[context]))
        }
        // Time that stages lose to their neighbours is lost: it frees no bandwidth for others.
        guard total > 0 else { return 0 }
        let covered = overlap * processors * (1 - free) + (1 - overlap) * min(processors, total)
        let rate = covered / total
        return min(rate, left * (1 - sharing.kernelGap / active) / traffic)
    }
}

/// Log-normal random factors with a mean of 1, by the Box-Muller transform, of which a share is longer by another factor.
struct NoiseSource: Sendable {
    private let sigma: Double
    private var random: SplitMix64
    private var spare: Double?
    private let tailShare: Double
    private let tailFactor: Double
    /// Drawn apart, so that the other factors are the same with and without a tail.
    private var tails: SplitMix64

    init(sigma: Double, seed: UInt64, tailShare: Double = 0, tailFactor: Double = 1) {
        self.sigma = sigma
        random = SplitMix64(seed: seed)
        self.tailShare = tailShare
        self.tailFactor = tailFactor
        tails = SplitMix64(seed: seed ^ 0x7A11)
    }

    mutating func next() -> Double {
        let factor = body()
        guard tailShare > 0 else { return factor }
        return Double(tails.next() >> 11) * 0x1p-53 < tailShare ? factor * tailFactor : factor
    }

    private mutating func body() -> Double {
        guard sigma > 0 else { return 1 }
        return exp(sigma * normal() - sigma * sigma / 2)
    }

    private mutating func normal() -> Double {
        if let value = spare {
            spare = nil
            return value
        }
        let radius = (-2 * log(1 - uniform())).squareRoot()
        let angle = 2 * Double.pi * uniform()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }

    /// A random number from 0 to just below 1.
    private mutating func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }
}
