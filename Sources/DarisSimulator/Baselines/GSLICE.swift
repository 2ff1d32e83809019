import DarisCore

/// GSLICE (Dhakal, Kulkarni and Ramakrishnan, *GSLICE: Controlled Spatial Sharing of GPUs for a Scalable Inference Platform*,
/// SoCC '20) as a baseline: one spatial partition for each model, no stages, batches that adapt to the latency objective, no
/// oversubscription, no priorities.
///
/// What is taken from its abstract and design: shares are set to the knee of throughput over share, what is left goes to models
/// whose demand is not met, and batches grow while their latency leaves the objective (the deadline) half of it to wait in.
/// How fast batches grow and shrink, and how the knee is found, are choices made here.
package struct GSLICE: BaselinePolicy, Sendable {
    /// The name in outputs.
    package static let name = "GSLICE"
    /// The largest batch.
    package static let largestBatch = BatchGroup.jobLimit
    /// Shares are tried in steps of this.
    static let step = 0.05
    /// At the knee, a further step brings less than this part of what it would if throughput grew with the share.
    static let kneeGain = 0.5

    /// By model: how long a batch may take.
    private let budgets: [Nanoseconds]
    /// By model: how many jobs the next batch may have.
    private(set) var limits: [Int]

    /// Batches that start with one job.
    ///
    /// - Parameter objectives: By model: the latency that is asked for.
    package init(objectives: [Nanoseconds]) {
        budgets = objectives.map { Nanoseconds($0.rawValue / 2) }
        limits = objectives.map { _ in 1 }
    }

    package func batch(for lane: Int, of waiting: WaitingJobs, at now: Nanoseconds) -> (model: Int, jobs: Int)? {
        let count = min(limits[lane], waiting.count(of: lane))
        return count > 0 ? (lane, count) : nil
    }

    /// One more after a full batch that was fast enough, a quarter less after one that was not.
    package mutating func batchEnded(model: Int, jobs: Int, time: Nanoseconds) {
        if time > budgets[model] {
            limits[model] = max(1, min(limits[model], jobs) * 3 / 4)
        } else if jobs >= limits[model] {
            limits[model] = min(limits[model] + 1, Self.largestBatch)
        }
    }
}

extension BaselineProblem {
    /// GSLICE on partitions of these shares.
    package func gslice(
        shares: [Double], duration: Nanoseconds, seed: UInt64
    ) throws(SchedulerError) -> BaselineResult {
        try run(
            GSLICE(objectives: objectives), on: device(.shares(shares), seed), lanes: shares.count, duration, seed)
    }

    /// The share of the device that GSLICE gives each model.
    ///
    /// Each gets what its demand takes, at most its knee; all less in proportion if that is more than there is. What is left goes
    /// to those whose demand is not met, in proportion to what they lack.
    package func sharesOfGSLICE(seed: UInt64) -> [Double] {
        let demand = (0..<modelCount).map { model in
            tasks.indices.reduce(0.0) { $0 + (models[$1] == model ? 1 / tasks[$1].period.inSeconds : 0) }
        }
        let rates = (0..<modelCount).map { self.rates(of: $0, seed: seed) }
        func share(_ place: Int) -> Double { Double(place + 1) * GSLICE.step }
        var shares = rates.indices.map { model in
            let needed = rates[model].firstIndex { $0 >= demand[model] } ?? rates[model].count - 1
            return share(min(needed, knee(rates[model])))
        }
        let total = shares.reduce(0, +)
        if total > 1 { return shares.map { $0 / total } }
        let lacks = rates.indices.map { model -> Double in
            let rate = rates[model][Int((shares[model] / GSLICE.step).rounded()) - 1]
            return max(0, demand[model] / rate - 1) * shares[model]
        }
        let lack = lacks.reduce(0, +)
        guard lack > 0 else { return shares }
        for model in shares.indices { shares[model] += min(1, (1 - total) / lack) * lacks[model] }
        return shares
    }

    /// By model: the shortest deadline of its tasks.
    private var objectives: [Nanoseconds] {
        (0..<modelCount).map { model in
            tasks.indices.filter { models[$0] == model }.map { tasks[$0].deadline }.min() ?? .distantFuture
        }
    }

    /// The place of the share beyond which a step brings less than `kneeGain` of what it would in proportion.
    private func knee(_ rates: [Double]) -> Int {
        rates.indices.dropLast().first { place in
            rates[place + 1] / rates[place] - 1 < GSLICE.kneeGain / Double(place + 1)
        } ?? rates.count - 1
    }

    /// The most jobs a second of a model alone on each share, in batches that take at most half of its objective.
    private func rates(of model: Int, seed: UInt64) -> [Double] {
        let budget = objectives[model].inSeconds / 2
        return (1...Int((1 / GSLICE.step).rounded())).map { place in
            var shares = Array(repeating: GSLICE.step, count: modelCount)
            shares[model] = Double(place) * GSLICE.step
            var best = 0.0
            for jobs in [1, 2, 4, 8, 16, 32, 64] {
                var device = self.device(.shares(shares), seed)
                let time = self.time(of: model, jobs: jobs, on: &device)
                if time > budget && best > 0 { break }
                best = max(best, Double(jobs) / time)
            }
            return best
        }
    }

    /// The mean time of a batch of a model in seconds, one after the other, with nothing beside it.
    private func time(of model: Int, jobs: Int, on device: inout Device) -> Double {
        let runs = 10
        var (now, total) = (Nanoseconds.zero, Nanoseconds.zero)
        for _ in 0..<runs {
            device.start(task: model, stage: 0, jobs: jobs, lane: model, at: now)
            var end: (lane: Int, executionTime: Nanoseconds)?
            while end == nil, let next = device.nextEvent() {
                now = next
                end = device.advance(to: now)
            }
            total += end?.executionTime ?? .zero
        }
        return total.inSeconds / Double(runs)
    }
}
