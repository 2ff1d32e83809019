import DarisCore

/// A fit of a card with graphs to a check of it: time and work of each network, and how stages share the card, from batches in
/// closed loops and from stage times beside busy neighbours. Runs of the scheduler are never looked at. Deterministic.
package struct GraphCalibration: Sendable {
    /// The card's data-sheet figures and stage times alone.
    package let profile: GPUProfile
    /// What the check measured.
    package let check: MeasuredCheck

    /// The sizes of batch whose closed loops are fitted to; the others tell how good the fit is.
    package static let fittedBatches: Set<Int> = [1, 4, 16, 64]

    /// A calibration.
    ///
    /// - Throws: `GPUModelError` with what the check lacks.
    package init(_ profile: GPUProfile, _ check: MeasuredCheck) throws(GPUModelError) {
        self.profile = profile
        self.check = check
        for network in profile.networks {
            let sizes = Set(check.batching.filter { $0.network == network.name && $0.lanes == 1 }.map(\.batch))
            guard sizes.intersection(Self.fittedBatches).count >= 2 else {
                throw GPUModelError(
                    "results.json has no batches of \(network.name) on one lane at two of the sizes "
                        + "\(Self.fittedBatches.sorted()): its time cannot be fitted to them")
            }
        }
    }

    /// The error of a model on one figure of the check.
    package struct Difference: Hashable, Sendable {
        /// What was compared, in words.
        package var name: String
        package var measured: Double
        package var simulated: Double
        /// (simulated − measured) / measured.
        package var relativeError: Double { simulated / measured - 1 }
    }

    /// Closed loops, those fitted to or the others, on a model.
    package func loops(on gpu: GPUModel, fitted: Bool) -> [Difference] {
        let loops = check.batching.filter { Self.fittedBatches.contains($0.batch) == fitted }
        return concurrentMap(loops) { loop in
            Difference(
                name: "\(loop.network), batch \(loop.batch), lanes \(loop.lanes), stages \(loop.stages)",
                measured: loop.jps, simulated: loop.closed.throughput(on: gpu) ?? 0)
        }
    }

    /// Times of whole networks beside busy neighbours on a model, in ms.
    package func neighbours(on gpu: GPUModel) -> [Difference] {
        let cases = check.neighbours.filter { $0.kind != .mps && gpu.networkNames.contains($0.network) }
        return concurrentMap(cases) { entry in
            let count = entry.stageMs.count
            let costs = gpu.stages(of: entry.network, stages: count, inferences: 1) ?? []
            let lanes = entry.neighbours + 1
            let profiler = FullLoadProfiler(
                stageCounts: Array(repeating: count, count: lanes), entry.partition, lanes: lanes)
            var device = VirtualGPU(
                gpu, partition: entry.partition, kind: entry.kind, costs: Array(repeating: costs, count: lanes), seed: 1
            )
            let afet = profiler.afet(of: 0, on: &device, seed: 1)
            return Difference(
                name: "\(entry.network), \(entry.kind.rawValue) \(entry.partition), \(entry.neighbours) neighbours",
                measured: entry.stageMs.reduce(0, +), simulated: afet.reduce(0) { $0 + $1.inMilliseconds })
        }
    }

    /// The loss of a model: the mean of the relative errors of fitted closed loops, three parts of it, and of stage times beside
    /// neighbours, one part. What fills the card is in the loops alone.
    package func loss(of gpu: GPUModel) -> Double {
        var still = gpu
        still.graphs?.noise = 0
        func mean(_ differences: [Difference]) -> Double {
            let errors = differences.map { difference in
                let ratio = max(difference.simulated, 1e-9) / difference.measured
                return max(ratio, 1 / ratio) - 1
            }
            return errors.isEmpty ? 0 : errors.reduce(0, +) / Double(errors.count)
        }
        return (3 * mean(loops(on: still, fitted: true)) + mean(neighbours(on: still))) / 4
    }

    /// The fitted card.
    ///
    /// - Parameters:
    ///   - trials: The number of parameter sets to try.
    ///   - report: Called after each.
    package func fit(trials: Int, seed: UInt64 = 1, report: (Calibration.Progress) -> Void = { _ in }) -> GPUModel {
        ParameterSearch(
            parameters: GraphParameter.shared + profile.networks.flatMap { GraphParameter.network($0.name) },
            trials: trials, seed: seed
        ).minimise(from: firstGuess(), loss: loss, report: report).withPower(fittedTo: check)
    }

    /// Energy of an inference in closed loops, those fitted to or the others, in J; only where the check counted it.
    package func energy(on gpu: GPUModel, fitted: Bool) -> [Difference] {
        guard let power = gpu.power else { return [] }
        let loops = check.batching.filter { Self.fittedBatches.contains($0.batch) == fitted && ($0.joules ?? 0) > 0 }
        return concurrentMap(loops) { loop in
            let figures = loop.closed.figures(on: gpu) ?? .init(jps: 1, busyShare: 0)
            return Difference(
                name: "\(loop.network), batch \(loop.batch), lanes \(loop.lanes), stages \(loop.stages)",
                measured: loop.joules ?? 0, simulated: power.joules(seconds: 1, busy: figures.busyShare) / figures.jps)
        }
    }

    // MARK: - The first guess

    /// The start of the search: times from batches on one lane, work from those on two, shares from stage times alone, and typical
    /// values for the rest.
    package func firstGuess() -> GPUModel {
        var graphs = GraphModel(
            hostUs: 8, hostJobUs: 0.5, launchUs: 10, stageUs: 8, inGBs: 49, outGBs: 50, busShare: 0.5, copyGBs: 1000,
            copyShare: 0.5, collision: 0.9, collisionPower: 0.9, disjoint: 0.2, quotaShare: 1, quotaShareOfJobs: 0.7,
            greenGroups: greenGroups, noise: 0.05, networks: [:])
        for network in profile.networks { graphs.networks[network.name] = cost(of: network, graphs) }
        return GPUModel(
            title: profile.title, source: "fitted to closed loops and stage times measured on the card",
            isMeasured: true,
            processors: profile.processors, granularity: profile.granularity, memoryMiB: profile.memoryMiB,
            peakTFLOPS: profile.peakTFLOPS, bandwidthGBs: profile.bandwidthGBs, sharing: .none, networks: [:],
            graphs: graphs)
    }

    /// The groups of SMs that disjoint green contexts have in all.
    private var greenGroups: Int? {
        check.maps.first { $0.kind == .green && $0.partition.oversubscription == 1 && $0.partition.contexts > 1 }
            .map { $0.promised.reduce(0, +) / max(1, profile.granularity) }
    }

    private func cost(of network: GPUProfile.Network, _ graphs: GraphModel) -> GraphModel.GraphNetwork {
        let count = network.alone.first?.stageMs.count ?? 1
        let traffic = ReferenceTraffic.of(network.name, stages: count)
        let overheadMs = (graphs.hostUs + graphs.launchUs + graphs.stageUs) * 1e-3 * Double(count)
        /// Time of a batch on a lane without what is not kernels, in ms.
        func times(lanes: Int) -> [(x: Double, y: Double)] {
            check.batching.filter {
                $0.network == network.name && $0.lanes == lanes && $0.stages == count
                    && Self.fittedBatches.contains($0.batch)
            }.map { loop in
                let b = Double(loop.batch)
                let bus = traffic.inMB / graphs.inGBs + traffic.outMB / graphs.outGBs
                let others = overheadMs + b * (bus + traffic.copyMB.reduce(0, +) / graphs.copyGBs)
                let all = b / loop.jps * 1e3 * Double(lanes)
                return (b, max(0.1 * all, all - others))
            }
        }
        func line(_ points: [(x: Double, y: Double)]) -> (at0: Double, slope: Double) {
            let fit = RelativeFit(points)
            return fit.line(leastSlope: 1e-6, leastAt0: 1e-3) ?? (1e-3, max(1e-6, fit.ratio))
        }
        let time = line(times(lanes: 1))
        // Two lanes of large batches fill the device: what they take together is work, besides what copies take of it.
        let filled = check.batching.filter {
            $0.network == network.name && $0.lanes == 2 && $0.stages == count && Self.fittedBatches.contains($0.batch)
        }.map { loop in (x: Double(loop.batch), y: Double(loop.batch) / loop.jps * 1e3) }.filter { $0.x >= 16 }
        let copies = traffic.copyMB.reduce(0, +) / graphs.copyGBs * graphs.copyShare
        let bus = (traffic.inMB / graphs.inGBs + traffic.outMB / graphs.outGBs) * graphs.busShare
        let work = filled.count > 1 ? line(filled).slope - copies - bus : time.slope
        let fastest = network.alone.max { $0.processors < $1.processors }?.stageMs ?? [1]
        let kernels = zip(fastest, traffic.copyMB).map { ms, mb in
            max(0.1 * ms, ms - graphs.stageUs * 1e-3 - mb / graphs.copyGBs)
        }
        let sum = kernels.reduce(0, +)
        return GraphModel.GraphNetwork(
            t0: time.at0, t1: time.slope, w0: 0.25 * time.at0, w1: max(0.3 * time.slope, work),
            inMB: traffic.inMB, outMB: traffic.outMB, memoryMiB: network.memoryMiB,
            cuts: ["\(count)": .init(share: kernels.map { $0 / sum }, copyMB: traffic.copyMB)])
    }
}

/// The least squares of relative errors over points (x, y), y > 0.
private struct RelativeFit {
    private var (weights, x, y, xx, xy) = (0.0, 0.0, 0.0, 0.0, 0.0)

    init(_ points: [(x: Double, y: Double)]) {
        for point in points {
            let weight = 1 / (point.y * point.y)
            weights += weight
            x += weight * point.x
            y += weight * point.y
            xx += weight * point.x * point.x
            xy += weight * point.x * point.y
        }
    }

    /// y / x of a line through the origin, where all points have the same x.
    var ratio: Double { y / max(x, 1e-9) }

    /// The line with at least the slope and the value at 0 that are given; `nil` if all points have the same x.
    func line(leastSlope: Double, leastAt0: Double) -> (at0: Double, slope: Double)? {
        let spread = weights * xx - x * x
        guard spread > 0 else { return nil }
        let slope = max(leastSlope, (weights * xy - x * y) / spread)
        return (max(leastAt0, (y - slope * x) / weights), slope)
    }
}

extension MeasuredCheck.Loop {
    /// The loop in a simulation.
    var closed: ClosedLoop { ClosedLoop(network, stages: stages, batch: batch, lanes: lanes) }
}

extension GPUModel {
    /// The card with the power that explains best, in relative terms, what closed loops drew: those of the sizes that are fitted to.
    /// The same without power where the check counted no energy.
    package func withPower(fittedTo check: MeasuredCheck) -> GPUModel {
        let loops = check.batching.filter {
            GraphCalibration.fittedBatches.contains($0.batch) && ($0.joules ?? 0) > 0
                && networkNames.contains($0.network)
        }
        guard loops.count > 1 else { return self }
        let points = concurrentMap(loops) { loop in
            (x: loop.closed.figures(on: self)?.busyShare ?? 0, y: (loop.joules ?? 0) * loop.jps)
        }
        guard let line = RelativeFit(points).line(leastSlope: 0, leastAt0: 0) else { return self }
        var gpu = self
        gpu.power = PowerModel(idleWatts: line.at0, busyWatts: line.slope, isMeasured: true)
        return gpu
    }
}

/// The parameters of a card with graphs that calibration may change.
enum GraphParameter {
    static let shared: [CalibrationParameter] = [
        graph("launchUs", 0.5...50, \.launchUs), graph("stageUs", 1...50, \.stageUs),
        graph("busShare", 0.05...1, \.busShare),
        graph("copyGBs", 100...4000, \.copyGBs), graph("copyShare", 0.1...1, \.copyShare),
        graph("collision", 0.1...3, \.collision), graph("collisionPower", 0.3...2, \.collisionPower),
        graph("disjoint", 0.01...1, \.disjoint), graph("quotaShare", 0.1...3, \.quotaShare),
        graph("quotaShareOfJobs", 0.1...3, \.quotaShareOfJobs), graph("hostUs", 4...30, \.hostUs),
    ]

    static func network(_ name: String) -> [CalibrationParameter] {
        [
            cost(name, "t0", 1e-3...1e3, \.t0), cost(name, "t1", 1e-6...1e3, \.t1), cost(name, "w0", 1e-3...1e3, \.w0),
            cost(name, "w1", 1e-6...1e3, \.w1),
        ]
    }

    private static func graph(
        _ name: String, _ range: ClosedRange<Double>, _ path: WritableKeyPath<GraphModel, Double> & Sendable
    ) -> CalibrationParameter {
        CalibrationParameter(
            name: name, range: range, read: { $0.graphs?[keyPath: path] ?? 0 },
            write: { $0.graphs?[keyPath: path] = $1 })
    }

    private static func cost(
        _ network: String, _ name: String, _ range: ClosedRange<Double>,
        _ path: WritableKeyPath<GraphModel.GraphNetwork, Double> & Sendable
    ) -> CalibrationParameter {
        CalibrationParameter(
            name: "\(network).\(name)", range: range, read: { $0.graphs?.networks[network]?[keyPath: path] ?? 0 },
            write: { $0.graphs?.networks[network]?[keyPath: path] = $1 })
    }
}
