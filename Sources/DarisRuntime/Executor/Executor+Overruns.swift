import DarisCore

/// A limit on how long a low-priority stage may run: a client may choose the length of a loop, and no deadline of its own job
/// would end it before its stage does.
package struct OverrunLimit: Sendable, Hashable {
    /// Of its MRET.
    package var factor: Double
    /// Stages that run for less are let be: a lane may wait for its processor.
    package var least: Nanoseconds

    /// A limit of some times MRET, and no less than a time.
    package init(factor: Double, least: Nanoseconds = .seconds(Int64(2))) {
        self.factor = factor
        self.least = least
    }

    func time(_ mret: Nanoseconds) -> Nanoseconds {
        max(least, Nanoseconds(Int64(min(Double(mret.rawValue) * factor, 9e18))))
    }
}

extension Executor {
    /// A stage that was told to end.
    struct Overrun: Sendable {
        var job: JobID
        var error: DeviceError
    }

    /// Looks at what runs, from time to time, until the run has ended. Nothing of it is on the way of a stage.
    func watchOverruns(_ limit: OverrunLimit) -> DedicatedThread {
        .required(.init(name: "daris-overrun")) { [self] in
            while !hasEnded.wait(seconds: 0.05) { endOverruns(limit) }
        }
    }

    /// Has low-priority stages end that run for longer than a limit, where the device can. Their jobs fail.
    func endOverruns(_ limit: OverrunLimit) {
        state.withLock { state in
            let now = clock.now
            for lane in 0..<configuration.partition.laneCount {
                guard let dispatch = state.scheduler.dispatch(on: lane) else { continue }
                let (job, stage) = (dispatch.jobs[0], dispatch.stage)
                guard configuration.tasks[job.task].priority == .low, state.overruns[lane]?.job != job else { continue }
                let mret =
                    state.scheduler.batchTime(of: job.task, jobs: dispatch.jobs.count, stage: stage)
                    ?? state.scheduler.mret(of: job.task, stage: stage)
                let time = now - state.laneStarts[lane]
                guard time > limit.time(mret), device.terminate(lane: lane) else { continue }
                func text(_ time: Nanoseconds) -> String {
                    "\((time.inSeconds * 10_000).rounded() / 10) ms"
                }
                state.overruns[lane] = Overrun(
                    job: job,
                    error: .overrun(
                        "its stage \(stage) ran for \(text(time)), where \(text(mret)) is usual, and was ended"))
            }
        }
    }

    /// Why a stage failed: its overrun, if it was told to end.
    func cause(of end: StageEnd, _ error: DeviceError, _ state: inout State) -> DeviceError {
        guard let overrun = state.overruns[end.lane], overrun.job == end.job else { return error }
        return overrun.error
    }
}
