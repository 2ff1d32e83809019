import DarisCore

/// The cost of a stage on a simulated GPU, by the kind of its model.
package enum SimulatedStage: Hashable, Sendable {
    /// Kernels launched one by one.
    case launched(StageCost)
    /// A CUDA graph.
    case graph(GraphStage)
}

/// A GPU in virtual time, whatever its model: the one of its device file.
package struct VirtualGPU: VirtualDevice, Sendable {
    // One of the two; not an enum, which would be copied at every change.
    private var launched: SimulatedGPU?
    private var graphs: GraphGPU?

    /// An idle GPU.
    ///
    /// - Parameters:
    ///   - costs: The cost of each stage of each task, made by `GPUModel.stages` of the same GPU.
    ///   - batched: The costs of batches, by task and number of jobs; empty without batching.
    ///   - shares: On a card with graphs, the part of its SMs that each context has for itself; `nil` for those of the partition.
    ///   - seed: The seed of the variation of execution times.
    package init(
        _ gpu: GPUModel, partition: Partition, kind: PartitionKind, costs: [[SimulatedStage]],
        batched: [[Int: [SimulatedStage]]] = [], shares: [Double]? = nil, seed: UInt64
    ) {
        if let model = gpu.graphs {
            func graph(_ stages: [SimulatedStage]) -> [GraphStage] {
                stages.map { stage in
                    guard case .graph(let cost) = stage else { preconditionFailure("a cost of another kind of GPU") }
                    return cost
                }
            }
            graphs = GraphGPU(
                gpu, model, partition: partition, kind: kind, costs: costs.map(graph),
                batched: batched.map { $0.mapValues(graph) }, shares: shares, seed: seed)
        } else {
            func launched(_ stages: [SimulatedStage]) -> [StageCost] {
                stages.map { stage in
                    guard case .launched(let cost) = stage else { preconditionFailure("a cost of another kind of GPU") }
                    return cost
                }
            }
            self.launched = SimulatedGPU(
                gpu, partition: partition, kind: kind, costs: costs.map(launched),
                batched: batched.map { $0.mapValues(launched) }, seed: seed)
        }
    }

    /// Starts a stage on an idle lane.
    package mutating func start(task: Int, stage: Int, jobs: Int, lane: Int, at now: Nanoseconds) {
        launched?.start(task: task, stage: stage, jobs: jobs, lane: lane, at: now)
        graphs?.start(task: task, stage: stage, jobs: jobs, lane: lane, at: now)
    }

    /// Drops the work of a lane.
    package mutating func abandon(lane: Int, at now: Nanoseconds) {
        launched?.abandon(lane: lane, at: now)
        graphs?.abandon(lane: lane, at: now)
    }

    /// Work done so far, in ns of the whole device.
    package var busyTime: Double { launched?.busyTime ?? graphs?.busyTime ?? 0 }

    /// The time of the next event; `nil` if nothing runs.
    package mutating func nextEvent() -> Nanoseconds? { launched?.nextEvent() ?? graphs?.nextEvent() }

    /// Advances to the next event. Returns the lane whose stage has ended, if one has.
    package mutating func advance(to now: Nanoseconds) -> (lane: Int, executionTime: Nanoseconds)? {
        launched == nil ? graphs?.advance(to: now) : launched?.advance(to: now)
    }
}
