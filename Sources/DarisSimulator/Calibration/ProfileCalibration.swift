import DarisCore

/// A fit of a device to a profile measured on a card: the costs of networks by least squares from their times alone,
/// then the sharing parameters by search from their times under load. Deterministic.
package struct ProfileCalibration: Sendable {
    /// The profile.
    package let profile: GPUProfile

    /// A calibration of a profile.
    package init(_ profile: GPUProfile) { self.profile = profile }

    /// The fitted device.
    ///
    /// - Parameter start: The device with the initial sharing parameters.
    package func fit(
        from start: GPUModel, trials: Int, seed: UInt64 = 1, report: (Calibration.Progress) -> Void = { _ in }
    ) -> GPUModel {
        var gpu = start
        gpu.title = profile.title
        gpu.source = "fitted to stage times measured on the card"
        gpu.isMeasured = true
        gpu.processors = profile.processors
        gpu.granularity = profile.granularity
        gpu.memoryMiB = profile.memoryMiB
        gpu.peakTFLOPS = profile.peakTFLOPS
        gpu.bandwidthGBs = profile.bandwidthGBs
        gpu.networks = Dictionary(
            profile.networks.map { ($0.name, cost(of: $0, overheadMs: start.sharing.stageOverheadMs)) },
            uniquingKeysWith: { $1 })
        guard profile.networks.contains(where: { !$0.loaded.isEmpty }) else { return gpu }
        let parameters =
            CalibrationParameter.sharing.filter { $0.name != "noise" }
            + profile.networks.flatMap { network in
                CalibrationParameter.network(network.name).filter { $0.name.hasSuffix("bandwidthShare") }
            }
        return ParameterSearch(parameters: parameters, trials: trials, seed: seed)
            .minimise(from: gpu, loss: loss, report: report)
    }

    /// Mean of |log(simulated / measured)| over all stage times under load.
    package func loss(of gpu: GPUModel) -> Double {
        let cases = profile.networks.flatMap { network in network.loaded.map { (network.name, $0) } }
        let errors = concurrentMap(cases) { name, loaded -> Double in
            guard let stages = gpu.stages(of: name, stages: loaded.stageMs.count, inferences: 1) else { return 10 }
            let partition = Partition(
                contexts: loaded.contexts, streams: loaded.streams, oversubscription: loaded.oversubscription)
            let lanes = max(2, partition.lanes)
            let task = SimulatedTask(
                TaskSpecification(name: name, period: .seconds(Int64(1)), priority: .low, afet: []), network: name,
                stages: stages)
            let afet = Simulation.afets(
                Array(repeating: task, count: lanes), on: gpu, partition: partition, kind: loaded.kind, seed: 1)[0]
            let simulated = afet.reduce(0) { $0 + $1.inMilliseconds }
            let measured = loaded.stageMs.reduce(0, +)
            let ratio = max(simulated, 1e-9) / measured
            return max(ratio, 1 / ratio) - 1
        }
        return errors.isEmpty ? 0 : errors.reduce(0, +) / Double(errors.count)
    }

    /// The cost of a network from t(q) = a + W / min(P, q): the least-squares line in 1 / min(P, q) for each P that the
    /// quotas suggest, and of these lines the one with the least error.
    private func cost(of network: GPUProfile.Network, overheadMs: Double) -> NetworkCost {
        let points = network.alone.map { (quota: Double($0.processors), time: $0.stageMs.reduce(0, +)) }
        let quotas = Set(points.map(\.quota)).sorted()
        let limits = zip(quotas, quotas.dropFirst()).flatMap { low, high in
            (1...8).map { low + (high - low) * Double($0) / 8 }
        }
        var best = (error: Double.infinity, base: 0.0, work: 1.0, limit: quotas.last ?? 1)
        for limit in limits {
            let x = points.map { 1 / min(limit, $0.quota) }
            let y = points.map(\.time)
            let (meanX, meanY) = (x.reduce(0, +) / Double(x.count), y.reduce(0, +) / Double(y.count))
            let spread = x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
            guard spread > 0 else { continue }
            let slope = zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) } / spread
            let work = max(slope, 1e-6)
            let base = max(0, meanY - work * meanX)
            let error = zip(x, y).reduce(0) { sum, point in
                let miss = (base + work * point.0 - point.1) / point.1
                return sum + miss * miss
            }
            if error < best.error - 1e-12 { best = (error, base, work, limit) }
        }
        let stages = Double(network.alone.first?.stageMs.count ?? 1)
        let fastest = network.batches.map(\.jps).max()
        return NetworkCost(
            launchMs: max(0, best.base - overheadMs * stages), workSMms: best.work, parallelism: best.limit,
            batchedParallelism: max(best.limit, min(Double(profile.processors), (fastest ?? 0) * best.work / 1e3)),
            bandwidthShare: 1, memoryMiB: network.memoryMiB)
    }
}
