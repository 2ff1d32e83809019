import DarisCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A card with graphs in virtual time: stages whose time and work are affine in the batch slow each other down by what each uses
/// of the device; dispatches share one host thread, and copies the bus.
///
/// A stage goes through five phases:
/// - *launch*: nothing disturbs it,
/// - *copy in*: the inputs of a first stage, over the bus,
/// - *compute*: kernels and copies of boundary tensors,
/// - *copy out*: the outputs of a last stage, over the bus,
/// - *end*: the host thread that sees ends serves them one after another; the lane is free when it has served this one.
///
/// A stage on an express lane feels only other express stages, after a time in which what runs keeps the device.
///
/// `docs/gpu-model.md` has the equations.
package struct GraphGPU: VirtualDevice, Sendable {
    private enum Phase: UInt8 { case idle, launch, copyIn, compute, copyOut, waiting, ending }

    private struct Lane {
        var phase = Phase.idle
        /// The rest of the phase in ns, and the part of it that is done in a nanosecond.
        var left = 0.0
        var rate = 0.0
        /// Time alone of what it computes, in ns, and the rest of the phases' times.
        var time = 0.0
        var copyIn = 0.0
        var copyOut = 0.0
        /// What it uses of the SMs that it may use, and of the whole device, while it computes.
        var pressure = 0.0
        var share = 0.0
        var jobs = 1
        var started = Nanoseconds.zero
        var ended = Nanoseconds.zero
        var context = 0
        var isExpress = false
    }

    private let model: GraphModel
    private let processors: Double
    private let preemption: Double
    private let costs: [[GraphStage]]
    private let batched: [[Int: [GraphStage]]]
    /// By context: its SMs.
    private let quota: [Double]
    /// By pair of contexts: how much of the second's pressure the first feels.
    private let overlap: [[Double]]
    private var lanes: ContiguousArray<Lane>
    private var busy: ContiguousArray<Int> = []
    /// The lanes whose ends wait for the host thread, the first of them being served.
    private var ends: ContiguousArray<Int> = []
    private var now = Nanoseconds.zero
    private var next: (time: Nanoseconds, lane: Int)?
    private var isStale = true
    private var noise: NoiseSource
    /// Work done so far, in ns of the whole device.
    package private(set) var busyTime = 0.0

    /// The least share of the device that is left to computing stages whatever the bus takes.
    private static let leastShare = 0.2

    /// An idle card.
    ///
    /// - Parameters:
    ///   - costs: The cost of each stage of each task.
    ///   - batched: The costs of batches, by task and number of jobs; empty without batching.
    ///   - shares: The part of the SMs that each context has for itself; `nil` for those of the partition.
    ///   - seed: The seed of the variation of execution times.
    package init(
        _ gpu: GPUModel, _ model: GraphModel, partition: Partition, kind: PartitionKind, costs: [[GraphStage]],
        batched: [[Int: [GraphStage]]], shares: [Double]? = nil, seed: UInt64
    ) {
        self.model = model
        self.costs = costs
        self.batched = batched
        processors = Double(gpu.processors)
        preemption = (model.preemptionMs ?? GPUModel.Sharing.usualPreemptionMs) * 1e6
        let windows = shares.map { Self.windows(of: gpu, shares: $0) } ?? Self.windows(of: gpu, model, partition, kind)
        quota = windows.map { Double($0.count) }
        overlap = windows.map { own in
            windows.map { other in
                let common = Double(own.intersection(other).count) / Double(own.count)
                return common + (1 - common) * model.disjoint * Double(other.count) / Double(gpu.processors)
            }
        }
        lanes = ContiguousArray(
            (0..<partition.laneCount).map { index in
                var lane = Lane()
                lane.context = partition.context(of: index)
                lane.isExpress = partition.isExpress(index)
                return lane
            })
        busy.reserveCapacity(lanes.count)
        ends.reserveCapacity(lanes.count)
        noise = NoiseSource(sigma: model.noise, seed: seed)
    }

    /// SMs one after another, as many as each share has in whole groups, at least one.
    private static func windows(of gpu: GPUModel, shares: [Double]) -> [Set<Int>] {
        var first = 0
        return shares.map { share in
            let count = min(Int(gpu.processors(of: share)), gpu.processors)
            defer { first += count }
            return Set((first..<first + count).map { $0 % gpu.processors })
        }
    }

    /// The SMs of each context: groups of a green context, where a context has fewer than all; else all.
    private static func windows(
        of gpu: GPUModel, _ model: GraphModel, _ partition: Partition, _ kind: PartitionKind
    ) -> [Set<Int>] {
        let isCut = partition.quota(units: gpu.processors, granularity: gpu.granularity) < gpu.processors
        guard kind == .green, partition.contexts > 1, isCut else {
            return Array(repeating: Set(0..<gpu.processors), count: partition.contexts)
        }
        let (size, count) = (gpu.granularity, model.greenGroups ?? gpu.processors / gpu.granularity)
        return partition.windows(groupCount: count, groupSize: size).map { groups in
            Set(groups.flatMap { $0 * size..<($0 + 1) * size })
        }
    }

    /// Starts a stage on an idle lane.
    package mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at time: Nanoseconds) {
        precondition(lanes[lane].phase == .idle, "lane \(lane) is busy")
        elapse(to: time)
        guard let cost = jobs == 1 ? costs[task][stage] : batched[task][jobs]?[stage] else {
            preconditionFailure("a batch of \(jobs) jobs of task \(task) has no known cost")
        }
        let factor = noise.next()
        let longer =
            (model.quotaShare * cost.once + model.quotaShareOfJobs * (cost.work - cost.once))
            * (processors / quota[lanes[lane].context] - 1)
        let copied = cost.copy * model.copyShare
        let alone = cost.time + longer + cost.copy
        lanes[lane].phase = .launch
        lanes[lane].left = model.launchUs * 1e3 + (lanes[lane].isExpress ? preemption : 0)
        lanes[lane].time = alone * factor
        lanes[lane].copyIn = cost.copyIn
        lanes[lane].copyOut = cost.copyOut
        lanes[lane].pressure = (cost.work + longer + copied) / alone
        lanes[lane].share = (cost.work + copied) / alone
        lanes[lane].jobs = jobs
        busy.append(lane)
        isStale = true
    }

    /// Drops the work of a lane.
    package mutating func abandon(lane: Int, at time: Nanoseconds) {
        guard lanes[lane].phase != .idle else { return }
        elapse(to: time)
        let wasServed = ends.first == lane
        ends.removeAll { $0 == lane }
        busy.removeAll { $0 == lane }
        lanes[lane].phase = .idle
        if wasServed, let first = ends.first { serve(first) }
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
        switch lanes[lane].phase {
        case .launch:
            lanes[lane].started = due
            enter(.copyIn, lane, lanes[lane].copyIn)
        case .copyIn: enter(.compute, lane, lanes[lane].time)
        case .compute: enter(.copyOut, lane, lanes[lane].copyOut)
        case .copyOut: wait(lane)
        case .ending:
            lanes[lane].phase = .idle
            ends.removeFirst()
            busy.removeAll { $0 == lane }
            if let first = ends.first { serve(first) }
            return (lane, lanes[lane].ended - lanes[lane].started)
        case .waiting, .idle: preconditionFailure("lane \(lane) has an event, but nothing to end")
        }
        return nil
    }

    /// Begins a phase, or the one after it where it takes no time.
    private mutating func enter(_ phase: Phase, _ lane: Int, _ time: Double) {
        lanes[lane].phase = phase
        lanes[lane].left = time
        guard time <= 0 else { return }
        if phase == .copyIn { enter(.compute, lane, lanes[lane].time) } else if phase == .copyOut { wait(lane) }
    }

    private mutating func wait(_ lane: Int) {
        lanes[lane].ended = now
        lanes[lane].phase = .waiting
        ends.append(lane)
        if ends.count == 1 { serve(lane) }
    }

    private mutating func serve(_ lane: Int) {
        lanes[lane].phase = .ending
        lanes[lane].left = (model.hostUs + model.hostJobUs * Double(lanes[lane].jobs)) * 1e3
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
            if lanes[lane].phase == .compute { busyTime += lanes[lane].rate * span * lanes[lane].share }
        }
    }

    /// Updates the rates of all busy lanes and the next event.
    private mutating func share() {
        isStale = false
        next = nil
        var (into, out) = (0.0, 0.0)
        // What computes uses of the device: on express lanes, and on the others.
        var (first, others) = (0.0, 0.0)
        for lane in busy {
            switch lanes[lane].phase {
            case .copyIn: into += 1
            case .copyOut: out += 1
            case .compute:
                lanes[lane].rate = 1 / (1 + slowdown(by: pressure(on: lane)))
                let used = lanes[lane].share * lanes[lane].rate
                if lanes[lane].isExpress { first += used } else { others += used }
            case .idle, .launch, .waiting, .ending: break
            }
        }
        let free = max(Self.leastShare, 1 - model.busShare * (into + out))
        let express = first > free ? free / first : 1
        let left = max(Self.leastShare * free, free - first)
        let ordinary = others > left ? left / others : 1
        var (soonest, soonestLane) = (Double.infinity, -1)
        for lane in busy {
            switch lanes[lane].phase {
            case .idle, .waiting:
                lanes[lane].rate = 0
                continue
            case .launch, .ending: lanes[lane].rate = 1
            case .copyIn: lanes[lane].rate = 1 / into
            case .copyOut: lanes[lane].rate = 1 / out
            case .compute: lanes[lane].rate *= lanes[lane].isExpress ? express : ordinary
            }
            let span = lanes[lane].left / lanes[lane].rate
            if span < soonest || (span == soonest && lane < soonestLane) { (soonest, soonestLane) = (span, lane) }
        }
        guard soonestLane >= 0 else { return }
        next = (now + Nanoseconds(Int64(min(max(0, soonest.rounded(.up)), 4e18))), soonestLane)
    }

    private func slowdown(by pressure: Double) -> Double {
        pressure > 0 ? model.collision * pow(pressure, model.collisionPower) : 0
    }

    /// What others use of the device, as a lane feels it.
    private func pressure(on lane: Int) -> Double {
        var sum = 0.0
        for other in busy where other != lane && (!lanes[lane].isExpress || lanes[other].isExpress) {
            let used: Double
            switch lanes[other].phase {
            case .compute: used = lanes[other].pressure
            case .copyIn, .copyOut: used = model.busShare
            case .idle, .launch, .waiting, .ending: continue
            }
            sum += overlap[lanes[lane].context][lanes[other].context] * used
        }
        return sum
    }
}
