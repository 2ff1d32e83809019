import DarisCore
import Synchronization

/// Measures AFET, the average execution time of a stage under full load: while a task's stages are repeated on one lane,
/// every other lane runs stages of other tasks, picked by a seeded generator (paper section III-A).
///
/// Tasks are placed on the lanes round-robin. A lane to which no other task falls stays idle.
final class LoadProfiler<D: Device>: Sendable {
    private struct State {
        var generator: SplitMix64
        var measuredLane = 0
        var neighbours: [Int: [Int]] = [:]
        var isStopping = false
        var busyLanes = 0
        var lastEnd: StageEnd?
    }

    private let device: D
    /// The lanes that are kept busy: express lanes run on top of these.
    private let lanes: [Int]
    /// Number of stages by task.
    private let stageCounts: [Int]
    private let state: Mutex<State>
    private let measured = Semaphore()
    private let idle = Semaphore()

    /// A profiler of the tasks of a device on which nothing runs.
    init(device: D, stageCounts: [Int], seed: UInt64) {
        self.device = device
        lanes = device.ordinaryLanes
        self.stageCounts = stageCounts
        state = Mutex(State(generator: SplitMix64(seed: seed)))
    }

    /// The AFET of each stage of a task.
    ///
    /// - Parameter others: tasks whose jobs run every stage together with the task's; as many as make a size of batch that
    ///   the device has.
    /// - Parameter neighbours: By lane, the tasks whose jobs run every stage together there, in place of a random task's; empty where a
    ///   lane has none.
    /// - Throws: what the device said, if a stage failed every time.
    func afet(
        of task: Int, with others: [Int] = [], beside neighbours: [Int: [Int]] = [:]
    ) throws(DeviceError) -> [Nanoseconds] {
        device.setHandler { self.ended($0) }
        // So that what lanes take from each other is in the times of HP and LP alike.
        device.setMakingWay(false)
        let lane = lanes[FullLoad.lane(of: task, lanes: lanes.count)]
        state.withLock { state in
            state.measuredLane = lane
            state.neighbours = neighbours
            state.isStopping = false
            for other in lanes where other != lane { keepBusy(other, &state) }
        }
        defer {
            let mustWait = state.withLock { state in
                state.isStopping = true
                return state.busyLanes > 0
            }
            if mustWait { idle.wait() }
            device.setHandler { _ in }
            device.setMakingWay(true)
        }
        var afet: [Nanoseconds] = []
        for stage in 0..<stageCounts[task] {
            afet.append(try time(task, with: others, stage: stage, lane: lane))
        }
        return afet
    }

    private func time(_ task: Int, with others: [Int], stage: Int, lane: Int) throws(DeviceError) -> Nanoseconds {
        var total = Nanoseconds.zero
        var timed = 0
        var error: DeviceError?
        for run in 0..<FullLoad.warmUps + FullLoad.repeats {
            let (job, members) = (JobID(task: task, sequence: 0), others.map { JobID(task: $0, sequence: 0) })
            device.launch(Dispatch(stage: stage, lane: lane, job: job, with: members), tensors: [])
            measured.wait()
            let end = state.withLock { $0.lastEnd }
            if let failure = end?.error {
                error = failure
            } else if run >= FullLoad.warmUps, let end {
                total += end.executionTime
                timed += 1
            }
        }
        if timed == 0, let error { throw error }
        return Nanoseconds(total.rawValue / Int64(max(1, timed)))
    }

    private func ended(_ end: StageEnd) {
        state.withLock { state in
            if end.lane == state.measuredLane {
                state.lastEnd = end
                measured.post()
                return
            }
            state.busyLanes -= 1
            if !state.isStopping {
                keepBusy(end.lane, &state)
            } else if state.busyLanes == 0 {
                idle.post()
            }
        }
    }

    /// Starts a random stage of a random task of the lane.
    private func keepBusy(_ lane: Int, _ state: inout State) {
        if let tasks = state.neighbours[lane], let first = tasks.first {
            let stage = Int(state.generator.next() % UInt64(stageCounts[first]))
            state.busyLanes += 1
            let jobs = tasks.map { JobID(task: $0, sequence: 0) }
            return device.launch(
                Dispatch(stage: stage, lane: lane, job: jobs[0], with: Array(jobs.dropFirst())), tensors: [])
        }
        guard
            let (task, stage) = FullLoad.stage(
                on: lanes.firstIndex(of: lane) ?? 0, lanes: lanes.count, stageCounts: stageCounts,
                using: &state.generator)
        else { return }
        state.busyLanes += 1
        device.launch(JobID(task: task, sequence: 0), stage: stage, lane: lane)
    }
}
