import DarisCore
import Synchronization

/// Runs jobs one after another on each of a few lanes, without a scheduler: a stage is launched by the thread that saw
/// the one before end, as soon as it did. This is how batching alone is measured.
package final class ClosedLoop<D: Device>: Sendable {
    /// What a closed loop came to.
    package struct Result: Hashable, Sendable {
        /// Jobs counted.
        package var jobs: Int
        /// All jobs that ended, those of the warm-up and of the end included.
        package var allJobs: Int
        /// Jobs a second: the sum over the lanes of jobs from the lane's first end to its last, so that a few long jobs
        /// are not counted over less time than they took.
        package var jobsPerSecond: Double
    }

    /// What is counted of a lane.
    private struct Lane {
        /// Jobs that ended after `firstEnd`.
        var jobs = 0
        /// The first end after the warm-up.
        var firstEnd: Nanoseconds?
        var lastEnd = Nanoseconds.zero

        var jobsPerSecond: Double {
            let seconds = (lastEnd - (firstEnd ?? lastEnd)).inSeconds
            return seconds > 0 ? Double(jobs) / seconds : 0
        }
    }

    private struct State {
        var lanes: [Lane]
        var busyLanes = 0
        var isStopping = false
        var allJobs = 0
        var error: DeviceError?
    }

    private let device: D
    private let stageCounts: [Int]
    private let clock = MonotonicClock()
    private let state: Mutex<State>
    private let idle = Semaphore()
    private let warmUp: Nanoseconds
    private let end: Nanoseconds

    /// A loop on a device on which nothing runs; its clock starts now.
    ///
    /// - Parameters:
    ///   - stageCounts: the stages of each task; task i runs on lane i.
    ///   - warmUp: jobs that end before are not counted.
    ///   - duration: how long jobs are counted; at least one a lane is, however long it takes.
    package init(device: D, stageCounts: [Int], warmUp: Nanoseconds, duration: Nanoseconds) {
        precondition(
            (1...device.laneCount).contains(stageCounts.count), "a closed loop has a task for each lane it uses")
        self.device = device
        self.stageCounts = stageCounts
        state = Mutex(State(lanes: stageCounts.map { _ in Lane() }))
        self.warmUp = warmUp
        end = warmUp + duration
    }

    /// Runs it on the calling thread's time. Call it once.
    ///
    /// - Throws: what the device said, if a stage failed; the loop ends with it.
    package func run() throws(DeviceError) -> Result {
        device.setHandler { self.ended($0) }
        let lanes = stageCounts.count
        state.withLock { state in
            state.busyLanes = lanes
            for lane in 0..<lanes { launch(lane, stage: 0) }
        }
        idle.wait()
        device.setHandler { _ in }
        let state = state.withLock { $0 }
        if let error = state.error { throw error }
        return Result(
            jobs: state.lanes.reduce(0) { $0 + $1.jobs }, allJobs: state.allJobs,
            jobsPerSecond: state.lanes.reduce(0) { $0 + $1.jobsPerSecond })
    }

    private func launch(_ lane: Int, stage: Int) {
        device.launch(JobID(task: lane, sequence: 0), stage: stage, lane: lane, io: nil)
    }

    private func ended(_ end: StageEnd) {
        state.withLock { state in
            if end.error == nil, end.stage + 1 == stageCounts[end.lane] { state.allJobs += 1 }
            if let error = end.error {
                state.error = state.error ?? error
                state.isStopping = true
            } else if end.stage + 1 < stageCounts[end.lane], !state.isStopping {
                launch(end.lane, stage: end.stage + 1)
                return
            } else if !state.isStopping {
                count(end.lane, &state)
            }
            if state.isStopping {
                state.busyLanes -= 1
                if state.busyLanes == 0 { idle.post() }
            } else {
                launch(end.lane, stage: 0)
            }
        }
    }

    private func count(_ lane: Int, _ state: inout State) {
        let now = clock.now
        guard now >= warmUp else { return }
        if state.lanes[lane].firstEnd == nil {
            state.lanes[lane].firstEnd = now
        } else {
            state.lanes[lane].jobs += 1
        }
        state.lanes[lane].lastEnd = now
        state.isStopping = now >= end && state.lanes.allSatisfy { $0.jobs > 0 }
    }
}
