import DarisCore

/// Drives a scheduler in virtual time: releases tasks, lets a device say how long stages take, and hands every event to
/// the scheduler in order of time. The same input gives the same trace.
///
/// ```swift
/// let result = VirtualTimeDriver(configuration, duration: .seconds(10)).run()
/// print(result.summary.hp.dmr)
/// ```
///
/// At one instant stages end first, then the timer fires, then other events come, then jobs are released: a job that
/// ends just when its task's next one is released is not in its way.
package struct VirtualTimeDriver: Sendable {
    /// What came of a run.
    package struct Result: Sendable {
        /// What was counted.
        package let ledger: RunLedger
        /// The figures.
        package let summary: RunSummary
        /// When the last event happened.
        package let end: Nanoseconds
        /// Work of the device, in ns of the whole device; 0 where it does not count it.
        package let busyTime: Double
        /// Events handed to the scheduler.
        package let events: Int
        /// Inferences of the jobs that were admitted before the releases ended, whenever they completed.
        package let inferencesStartedInTime: Int
        /// What of the design's invariants did not hold, and when: a defect of Daris. The run ended there.
        package let violation: String?
        /// Every event and command, if asked for.
        package let entries: ContiguousArray<RecordEntry>
    }

    /// Told of every event with its commands, in order.
    package typealias Observer = (_ event: Event, _ time: Nanoseconds, _ commands: CommandBuffer) -> Void

    /// What the scheduler is made from.
    package var configuration: SchedulerConfiguration
    /// When the jobs of each task are released; `nil` for tasks whose jobs come as `otherEvents` alone.
    package var arrivals: [ArrivalSequence?]
    /// How long jobs are released; the run ends when the last of them has.
    package var duration: Nanoseconds
    /// How long stages take on the device of `run()`.
    package var stageTimes: StageTimes
    /// Whether a stage fails instead of completing.
    package var fails: (@Sendable (_ job: JobID, _ stage: Int, _ lane: Int) -> Bool)?
    /// Events from outside: contexts lost and restored, jobs cancelled, sporadic releases.
    package var otherEvents: [(time: Nanoseconds, event: Event)] = []
    /// By task: those that take its place each time when it is added after it was removed, one after the other, if none of its jobs
    /// is in flight then.
    package var replacements: [Int: [TaskSpecification]] = [:]
    /// What the scheduler's clock is told differs from virtual time by `offset` from `time` on: steps of a clock, forwards or
    /// backwards. In order of time.
    package var clockSteps: [(time: Nanoseconds, offset: Nanoseconds)] = []
    /// Whether to keep every event and command.
    package var keepsEntries = false
    /// The most events; a run that has more ends with a violation. Unlimited if 0.
    package var eventLimit = 0
    /// After how many events the scheduler's whole state is checked anew, which takes O(tasks); nothing is if 0.
    package var checkInterval: Int

    /// A driver of periodic releases.
    ///
    /// - Parameter phases: when each task is first released; zero where the list ends.
    package init(
        _ configuration: SchedulerConfiguration, phases: [Nanoseconds] = [], duration: Nanoseconds,
        stageTimes: StageTimes = .constant, keepsEntries: Bool = false
    ) {
        self.configuration = configuration
        arrivals = configuration.tasks.enumerated().map { index, task in
            ArrivalSequence(
                .periodic, period: task.period, phase: index < phases.count ? phases[index] : .zero, seed: 0)
        }
        self.duration = duration
        self.stageTimes = stageTimes
        self.keepsEntries = keepsEntries
        checkInterval = max(1024, configuration.tasks.count)
    }

    /// Runs to the end on a device whose stages take `stageTimes`.
    package func run(observer: Observer? = nil) -> Result {
        run(on: FixedTimes(stageTimes, configuration), observer: observer)
    }

    /// Runs to the end on a device at rest.
    package func run<Device: VirtualDevice>(on device: Device, observer: Observer? = nil) -> Result {
        var run = VirtualTimeRun(self, device: device, observer: observer)
        return run.run()
    }
}
