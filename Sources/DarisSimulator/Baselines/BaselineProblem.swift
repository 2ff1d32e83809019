import DarisCore

/// How a baseline cuts a device for whole networks.
package enum BaselineCut: Hashable, Sendable {
    /// Lanes that share all of it.
    case lanes(Int)
    /// One partition and lane for each model: its share of the device, from 0 to 1, of 1 in all at most.
    case shares([Double])

    /// The number of lanes.
    package var lanes: Int {
        switch self {
        case .lanes(let count): count
        case .shares(let shares): shares.count
        }
    }
}

/// Tasks and a device, for baselines to run. Generic in the device, so that every simulated device is one.
package struct BaselineProblem<Device: VirtualDevice & SendableMetatype>: Sendable {
    /// The tasks; their execution times are ignored.
    package let tasks: [TaskSpecification]
    /// The model of each task, from 0.
    package let models: [Int]
    /// The idle device cut in a way, on which task `m` is the whole network of model `m`, in batches of 1 to 64 jobs.
    package let device: @Sendable (BaselineCut, _ seed: UInt64) -> Device

    /// A problem.
    package init(
        tasks: [TaskSpecification], models: [Int], device: @escaping @Sendable (BaselineCut, UInt64) -> Device
    ) {
        precondition(tasks.count == models.count, "every task needs a model")
        self.tasks = tasks
        self.models = models
        self.device = device
    }

    /// The number of models.
    package var modelCount: Int { (models.max() ?? -1) + 1 }

    /// Releases jobs for `duration` at random phases of a seed, and runs until the last has ended.
    func run<Policy: BaselinePolicy>(
        _ policy: Policy, on device: Device, lanes: Int, _ duration: Nanoseconds, _ seed: UInt64
    ) throws(SchedulerError) -> BaselineResult {
        var random = SplitMix64(seed: seed)
        let phases = tasks.map { Nanoseconds(Int64(random.next() % UInt64($0.period.rawValue))) }
        var run = try BaselineRun(
            tasks, models: models, policy: policy, on: device, lanes: lanes, phases: phases, duration: duration)
        return run.run()
    }
}

extension BaselineProblem<VirtualGPU> {
    /// Tasks on a simulated GPU. Tasks of one network at one batch size are one model.
    package init(_ tasks: [SimulatedTask], on gpu: GPUModel) {
        let kinds = tasks.map { "\($0.network) \($0.specification.batch)" }
        let names = Array(Set(kinds)).sorted()
        let firsts = names.map { name in tasks[kinds.firstIndex(of: name)!] }
        self.init(tasks: tasks.map(\.specification), models: kinds.map { names.firstIndex(of: $0)! }) { cut, seed in
            let (lanes, overlaps, shares): (Int, Bool, [Double]?) =
                switch cut {
                case .lanes(let count): (count, count == 1, nil)
                case .shares(let shares): (shares.count, true, shares)
                }
            let stages = firsts.indices.map { model in
                (0...BatchGroup.jobLimit).map { jobs in
                    gpu.whole(
                        firsts[model].network, inferences: firsts[model].specification.batch * max(1, jobs),
                        quota: shares.map { gpu.processors(of: $0[model]) }, overlapsLaunch: overlaps)
                }
            }
            let isPartitioned = shares != nil && lanes > 1
            return VirtualGPU(
                gpu,
                partition: isPartitioned
                    ? Partition(contexts: lanes, streams: 1, oversubscription: Double(lanes))
                    : Partition(contexts: 1, streams: lanes, oversubscription: 1),
                kind: isPartitioned ? .mps : .streams, costs: stages.map { $0[1] },
                batched: stages.map { Dictionary(uniqueKeysWithValues: $0.enumerated().dropFirst(2).map { ($0, $1) }) },
                shares: isPartitioned ? shares : nil, seed: seed)
        }
    }
}

extension GPUModel {
    /// The one stage of a whole network in a batch.
    fileprivate func whole(
        _ network: String, inferences: Int, quota: Double?, overlapsLaunch: Bool
    ) -> [SimulatedStage] {
        if let cost = networks[network] {
            return [.launched(cost.whole(batch: inferences, quota: quota, overlapsLaunch: overlapsLaunch))]
        }
        guard let stages = stages(of: network, stages: 1, inferences: inferences) else {
            preconditionFailure("the device has no cost of \(network)")
        }
        return stages
    }
}

extension GPUModel {
    /// The SMs of a share of the device, in whole groups, at least one.
    func processors(of share: Double) -> Double {
        let groups = (share * Double(processors) / Double(granularity) + 1e-9).rounded(.down)
        return max(1, groups) * Double(granularity)
    }
}

extension NetworkCost {
    /// The cost of a whole network in a batch.
    ///
    /// - Parameters:
    ///   - quota: The SMs it may use; `nil` for all.
    ///   - overlapsLaunch: Whether its first kernels compute while the others are launched, as they do where a lane runs alone
    ///     and nothing else computes meanwhile: it takes max(L, b·W / P) (docs/gpu-model.md, equation 8).
    func whole(batch: Int, quota: Double?, overlapsLaunch: Bool) -> StageCost {
        var cost = stages(1, batch: batch)[0]
        cost.parallelism = min(cost.parallelism, quota ?? .infinity)
        // Something is left, so that what ends last is computing.
        if overlapsLaunch { cost.work = max(cost.work - cost.launch * cost.parallelism, cost.work * 1e-3) }
        return cost
    }
}
