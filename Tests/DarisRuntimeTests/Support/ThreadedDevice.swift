import DarisCore

@testable import DarisRuntime

/// A device of real lanes whose stages do nothing but end, some of them with an error.
final class ThreadedDevice: Device {
    let laneCount: Int
    private let lanes: [CPULane]
    private let handler = Handler()
    private let onLaunch: @Sendable (JobID, _ stage: Int, _ lane: Int) -> Void

    private final class Handler: @unchecked Sendable {
        // Unchecked: set while no stage runs, as on any device.
        var call: @Sendable (StageEnd) -> Void = { _ in }
    }

    /// - Parameters:
    ///   - time: what to report as a stage's execution time.
    ///   - onLaunch: called at each launch.
    ///   - fails: whether a stage fails.
    init(
        lanes count: Int, time: (@Sendable (JobID, _ stage: Int) -> Nanoseconds)? = nil,
        onLaunch: @escaping @Sendable (JobID, _ stage: Int, _ lane: Int) -> Void = { _, _, _ in },
        fails: @escaping @Sendable (JobID, _ stage: Int) -> Bool
    ) {
        laneCount = count
        self.onLaunch = onLaunch
        lanes = (0..<count).map(CPULane.init)
        let handler = handler
        for lane in lanes {
            let started = Result { () throws(DeviceError) in
                try lane.start(
                    .init(name: "test-lane"), hasLow: false,
                    run: { work, _ in fails(work.job, work.stage) ? DeviceError("stage \(work.stage) fails") : nil },
                    tell: { end in
                        var end = end
                        if let time { end.executionTime = time(end.job, end.stage) }
                        handler.call(end)
                    })
            }
            if case .failure(let error) = started { preconditionFailure(error.description) }
        }
    }

    func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { ([.bytes(1)], [.bytes(1)]) }
    func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { self.handler.call = handler }
    func wake(lane: Int) { lanes[lane].start() }
    func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        let (job, stage, lane) = (dispatch.jobs[0], dispatch.stage, dispatch.lane)
        onLaunch(job, stage, lane)
        lanes[lane].hand(
            .init(job: job, instance: dispatch.jobs.instance(at: 0), stage: stage, io: tensors.first ?? nil))
    }
    func terminateRunningStages() {}
    func shutDown() {
        for lane in lanes { lane.stop() }
    }
}
