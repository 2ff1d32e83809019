import DarisCore
import Synchronization

/// A device that notes how long the host takes for each launch: what a dispatch costs besides the decision. For
/// measurements; a launch takes two looks at the clock longer.
package final class TimedDevice<Base: Device>: Device {
    /// The device itself.
    package let base: Base
    private let clock = MonotonicClock()
    private let launches = Mutex(Distribution(resolution: Nanoseconds(1)))

    /// The device with its launches timed.
    package init(_ base: Base) { self.base = base }

    /// The times of the launches so far.
    package var launchTimes: Distribution { launches.withLock { $0 } }

    /// How many lanes there are.
    package var laneCount: Int { base.laneCount }

    /// The bytes of each input and output of a task's model.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        base.tensorSizes(of: task)
    }

    /// Says whom to tell of the ends of stages.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { base.setHandler(handler) }

    /// Says whom to tell of contexts that are lost and come back.
    package func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        base.setContextHandler(handler)
    }

    /// How many jobs can run a stage together with one of a task.
    package func batchSizes(of task: Int) -> [Int] { base.batchSizes(of: task) }

    /// Starts a stage of one or more jobs on an idle lane.
    package func launch(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        let before = clock.now
        base.launch(dispatch, tensors: tensors)
        let time = clock.now - before
        launches.withLock { $0.record(time) }
    }

    /// Makes running stages end early with an error, where the device can.
    package func terminateRunningStages() { base.terminateRunningStages() }

    /// Ends all threads; no stage is running.
    package func shutDown() { base.shutDown() }

    /// Whether `shutDown` ends even a stage that hangs.
    package var canShutDownWhileHanging: Bool { base.canShutDownWhileHanging }

    /// What became of the device on the way.
    package var notes: [String] { base.notes }
}

extension Preparation {
    /// The device with its launches timed, and an executor of this task set that runs on it.
    ///
    /// - Parameter drainLimit: how long jobs in flight may take to end once no more are released.
    package func timedExecutor(
        drainLimit: Nanoseconds
    ) -> (executor: Executor<TimedDevice<MachineDevice>>, device: TimedDevice<MachineDevice>) {
        let timed = TimedDevice(device)
        var options = Executor<TimedDevice<MachineDevice>>.Options()
        options.timerFIFOPriority = timerFIFOPriority
        options.drainLimit = drainLimit
        let executor = Executor(
            configuration, device: timed, arrivals: arrivals, duration: taskSet.run.duration, options: options)
        return (executor, timed)
    }
}
