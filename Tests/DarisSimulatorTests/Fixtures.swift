import DarisCore

@testable import DarisSimulator

/// A device without noise, overhead, overlap or crowding, unless said otherwise: 64 SMs in pairs.
func plainGPU(_ change: (inout GPUModel.Sharing) -> Void = { _ in }) -> GPUModel {
    var sharing = GPUModel.Sharing(
        noise: 0, stageOverheadMs: 0, windowOverlap: 0, kernelGap: 0, streamInterference: 0, launchLanes: 1e6,
        launchCrowding: 0, queueLanes: 1e6, queueCrowding: 0)
    change(&sharing)
    return GPUModel(
        title: "Test", source: "made up", isMeasured: false, processors: 64, granularity: 2, memoryMiB: 8000,
        peakTFLOPS: 10, bandwidthGBs: 500, sharing: sharing,
        networks: [
            "net": NetworkCost(
                launchMs: 1, workSMms: 64, parallelism: 32, batchedParallelism: 64, bandwidthShare: 1, memoryMiB: 100)
        ])
}

/// A stage: milliseconds of launching, SM·ms of work, SMs.
func stage(launch: Double = 0, work: Double, parallelism: Double = 64, bandwidthShare: Double = 1) -> StageCost {
    StageCost(
        launch: launch * 1e6, work: work * 1e6, parallelism: parallelism, bandwidthShare: bandwidthShare)
}

func partition(_ contexts: Int, _ streams: Int, os: Double = 1) -> Partition {
    Partition(contexts: contexts, streams: streams, oversubscription: os)
}

/// Starts task 0's stage on each of the lanes at the same time and tells how long each takes, in ms.
func times(
    of cost: StageCost, on lanes: [Int], _ gpu: GPUModel, _ partition: Partition, kind: PartitionKind = .mps
) -> [Double] {
    var device = SimulatedGPU(gpu, partition: partition, kind: kind, costs: [[cost]], seed: 1)
    for lane in lanes { device.start(task: 0, stage: 0, lane: lane, at: .zero) }
    var times = [Int: Double]()
    while let next = device.nextEvent() {
        if let end = device.advance(to: next) { times[end.lane] = end.executionTime.inMilliseconds }
    }
    return lanes.map { times[$0] ?? -1 }
}

extension SimulatedGPU {
    /// Advances through all events up to `time`.
    mutating func move(to time: Nanoseconds) {
        while let next = nextEvent(), next <= time { _ = advance(to: next) }
    }
}

/// A small planning problem on the plain device: `high` HP and `low` LP tasks of one network.
func problem(
    high: Int = 2, low: Int = 4, periodMs: Double = 20, gpu: GPUModel = plainGPU(), memoryMiB: Double = 8000
) -> PlanningProblem {
    PlanningProblem(
        gpu: gpu, options: SchedulerOptions(), constraints: PlanningConstraints(memoryMiB: memoryMiB), seed: 3
    ) { scale, _ in
        let stages = max(1, Int((4 * scale).rounded()))
        return (0..<high + low).map { index in
            SimulatedTask(
                TaskSpecification(
                    name: "t\(index)", period: .seconds(periodMs / 1e3), priority: index < high ? .high : .low, afet: []
                ),
                network: "net", stages: gpu.stages(of: "net", stages: stages, inferences: 1)!)
        }
    }
}
