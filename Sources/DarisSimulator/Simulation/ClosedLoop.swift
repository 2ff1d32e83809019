import DarisCore

/// Batches of one network, one after another on every lane: what a GPU makes without a scheduler and without deadlines.
package struct ClosedLoop: Hashable, Sendable {
    /// The network's name.
    package var network: String
    /// The number of stages that it is cut into; a lane runs them in turn.
    package var stages: Int
    /// Inferences of a batch.
    package var batch: Int
    /// Lanes that run batches at the same time, all on the whole device.
    package var lanes: Int

    /// A closed loop.
    package init(_ network: String, stages: Int = 1, batch: Int, lanes: Int) {
        self.network = network
        self.stages = stages
        self.batch = batch
        self.lanes = lanes
    }

    /// Batches a lane that are not counted, and those that are.
    private static let warmUps = 4
    private static let repeats = 24

    /// What a loop makes.
    package struct Figures: Hashable, Sendable {
        /// Inferences a second.
        package var jps: Double
        /// The part of the device that works, on average.
        package var busyShare: Double
    }

    /// Inferences a second on a simulated GPU; `nil` if it has no cost of the network.
    package func throughput(on gpu: GPUModel, seed: UInt64 = 1) -> Double? { figures(on: gpu, seed: seed)?.jps }

    /// The figures on a simulated GPU; `nil` if it has no cost of the network.
    package func figures(on gpu: GPUModel, seed: UInt64 = 1) -> Figures? {
        guard let costs = gpu.stages(of: network, stages: stages, inferences: batch) else { return nil }
        let partition = Partition(contexts: 1, streams: lanes, oversubscription: 1)
        var device = VirtualGPU(gpu, partition: partition, kind: .streams, costs: [costs], seed: seed)
        var (stage, batches) = (Array(repeating: 0, count: lanes), 0)
        var (begin, now, busy) = (Nanoseconds.zero, Nanoseconds.zero, 0.0)
        for lane in 0..<lanes { device.start(task: 0, stage: 0, jobs: 1, lane: lane, at: now) }
        while batches < (Self.warmUps + Self.repeats) * lanes, let next = device.nextEvent() {
            now = next
            guard let end = device.advance(to: now) else { continue }
            stage[end.lane] = (stage[end.lane] + 1) % stages
            if stage[end.lane] == 0 {
                batches += 1
                if batches == Self.warmUps * lanes { (begin, busy) = (now, device.busyTime) }
            }
            device.start(task: 0, stage: stage[end.lane], jobs: 1, lane: end.lane, at: now)
        }
        let span = (now - begin).inSeconds
        return Figures(
            jps: Double(Self.repeats * lanes * batch) / span, busyShare: (device.busyTime - busy) / span / 1e9)
    }
}
