import DarisCore
import Synchronization

/// Drives a scheduler in real time: releases jobs, hands stages to a device, and feeds back their ends.
///
/// There is no scheduler thread. The thread that saw a stage end takes the lock, feeds the event, and starts the next
/// stage itself; the release timer does the same for releases. Between the two nothing is allocated.
///
/// ```swift
/// let executor = Executor(configuration, device: device, arrivals: arrivals, duration: .seconds(10))
/// let outcome = executor.run()
/// print(outcome.summary.hp.dmr)
/// ```
package final class Executor<D: Device>: Sendable {
    /// How a task's jobs come about.
    package typealias Arrival = JobArrival

    /// Limits and rights.
    package struct Options: Sendable {
        /// A SCHED_FIFO priority for the release timer, or 0.
        package var timerFIFOPriority = 0
        /// How long jobs in flight may take to end once no more are released; then running stages are terminated.
        package var drainLimit = Nanoseconds.seconds(Int64(30))
        /// How long terminated stages may take to end after that; then they count as in flight.
        package var terminationLimit = Nanoseconds.seconds(Int64(5))
        /// The most submitted jobs whose submitters have not been told of an outcome.
        package var submissionLimit = 65_536
        /// How long a low-priority stage may run, where the device can end it; `nil` for as long as it takes.
        package var overrunLimit: OverrunLimit?
        /// Told of every event with the commands it led to, under the scheduler's lock: it must not wait.
        package var observer: (@Sendable (Event, Nanoseconds, CommandBuffer) -> Void)?
        /// Told before the event of a job's release whose trace it belongs to, likewise.
        package var traceObserver: (@Sendable (JobID, TraceContext, Nanoseconds) -> Void)?
        /// Told once if the device is lost for good: no more jobs are released then, as after `interrupt()`. It must not wait.
        package var whenLost: (@Sendable (DeviceError) -> Void)?

        /// The defaults.
        package init() {}
    }

    /// What a run came to.
    package struct Outcome: Sendable {
        /// Its figures.
        package var summary: RunSummary
        /// Whether it was stopped before its time.
        package var wasInterrupted: Bool
        /// What the device said of failed stages: task, its words, and how often.
        package var errors: [FailureCount]
        /// Why the device runs nothing any more, if it was lost for good.
        package var loss: DeviceError?
        /// The energy of the run for its record; `nil` where the device does not count it.
        package var energy: RecordedEnergy?
    }

    /// A message of the device and how often it came.
    package struct FailureCount: Sendable, Hashable {
        /// Name of the task.
        package var task: String
        /// The device's words.
        package var message: String
        /// How many jobs it ended.
        package var count: Int

        /// The most messages that are told apart.
        static var limit: Int { 100 }
        /// In place of the messages beyond.
        static var others: String { "other errors" }
    }

    /// A consistent look at a run that is going on.
    package struct Snapshot: Sendable {
        /// Time since the start.
        package var elapsed: Nanoseconds
        /// High-priority jobs.
        package var hp: JobFigures
        /// Low-priority jobs.
        package var lp: JobFigures
    }

    struct State: ~Copyable {
        var scheduler: Scheduler
        /// What happened and has not been counted yet.
        var notes = ContiguousArray<RunLedger.Note>()
        var commands = CommandBuffer()
        /// Lanes that have been handed a stage and are to be woken once the lock is free, a bit each.
        var handed: UInt128 = 0
        /// When each lane was given a stage last.
        var laneStarts: ContiguousArray<Nanoseconds>
        /// What was told to end on each lane, until it has.
        var overruns: ContiguousArray<Overrun?>
        var submissions: [JobID: Submission] = [:]
        var failures: [FailureCount] = []
        /// Jobs of stages that were running on the context whose loss is being handled, if they may be what ended it.
        var suspects: [JobID] = []
        /// Why the device runs nothing any more.
        var loss: DeviceError?
        var takesJobs = false
        var hasStarted = false
        /// The outcome has been taken; a stage that ends now is ignored.
        var isOver = false
        var wasInterrupted = false
        var drainStart: Nanoseconds?
        var lastEnd = Nanoseconds.zero
    }

    let device: D
    let configuration: SchedulerConfiguration
    let arrivals: [Arrival]
    /// By task: its instances among those of all tasks, as the device knows them.
    let instances: [Range<Int>]
    let options: Options
    let clock: MonotonicClock
    let state: Mutex<State>
    /// What has been counted. A thread that holds this lock may wait for `state`'s, never the other way round.
    let measurements: Mutex<Measurements>
    /// One for the tasks of each context, on its processors: what runs there then is LP, which makes way, or HP, which the
    /// release would wait for anyhow. One for all where the device has no processors of its own.
    let timers: [ReleaseTimer]
    /// Timers that still have releases to come.
    private let releasingTimers: Atomic<Int>
    /// The last look that was taken for watchers.
    let views = Mutex<SystemView?>(nil)
    private let duration: Nanoseconds
    let drained = Semaphore()
    let completions = CompletionThread()
    /// Posted when the run is over, for the thread that watches for overruns.
    let hasEnded = Semaphore()
    private let overrunWatch = Mutex<DedicatedThread?>(nil)
    /// Submitted jobs whose submitters have not been told yet.
    let untold = Atomic<Int>(0)
    private let hasContext = Atomic<Bool>(true)
    /// What the device said of its energy at the start, and when; `nil` before, and where it does not count it.
    private let firstEnergy = Mutex<(joules: Double, time: Nanoseconds)?>(nil)

    /// An executor at rest; its clock starts now.
    ///
    /// - Parameters:
    ///   - configuration: tasks, partition, policy.
    ///   - device: has been given the same tasks, each as often as it has instances.
    ///   - arrivals: one a task.
    ///   - duration: how long jobs are released.
    package init(
        _ configuration: SchedulerConfiguration, device: D, arrivals: [Arrival], duration: Nanoseconds,
        options: Options = Options()
    ) {
        precondition(arrivals.count == configuration.tasks.count, "each task needs to say how its jobs arrive")
        precondition(
            device.laneCount == configuration.partition.laneCount, "the device must have the partition's lanes")
        self.device = device
        self.configuration = configuration
        self.arrivals = arrivals
        instances = configuration.instances
        self.options = options
        self.duration = duration
        clock = MonotonicClock()
        var initial = State(
            scheduler: Scheduler(configuration),
            laneStarts: ContiguousArray(repeating: .zero, count: configuration.partition.laneCount),
            overruns: ContiguousArray(repeating: nil, count: configuration.partition.laneCount))
        initial.commands.reserveCapacity(64)
        initial.notes.reserveCapacity(2 * Measurements.noteLimit)
        state = Mutex(initial)
        measurements = Mutex(Measurements(configuration))
        let isSplit = (0..<configuration.partition.contexts).contains { !device.processors(of: $0).isEmpty }
        let clock = clock
        var timers: [ReleaseTimer] = []
        for context in 0..<(isSplit ? configuration.partition.contexts : 1) {
            let sources = arrivals.indices.compactMap { task -> ReleaseTimer.Source? in
                guard case .clock(let times) = arrivals[task] else { return nil }
                let home = configuration.homes[configuration.instances[task].lowerBound]
                return isSplit && home != context ? nil : .init(task: task, times: times)
            }
            guard !sources.isEmpty else { continue }
            let processors = isSplit ? device.processors(of: context) : []
            timers.append(ReleaseTimer(sources, until: duration, clock: clock, processors: processors))
        }
        // One in any case, for what the scheduler asks to be woken for.
        self.timers = timers.isEmpty ? [ReleaseTimer([], until: duration, clock: clock)] : timers
        releasingTimers = Atomic(self.timers.count)
    }

    // MARK: - A run from start to end

    /// Releases jobs for the run's duration, waits for those in flight, and returns the figures. Blocks its thread.
    ///
    /// Nothing waits for ever: `interrupt()` ends the releases early, and what has not ended by the drain limit is
    /// terminated and counted as failed, or in flight.
    package func run() -> Outcome {
        start()
        return waitForEnd()
    }

    /// Starts the releases and returns. Call it once, and `waitForEnd` after it: until that has returned, the threads
    /// of the run and the device keep the executor alive.
    package func start() {
        state.withLock { state in
            precondition(!state.hasStarted, "an executor makes one run; make another one for the next")
            state.hasStarted = true
            state.takesJobs = state.drainStart == nil
        }
        completions.start()
        if let reading = device.energy() { firstEnergy.withLock { $0 = (reading.joules, clock.now) } }
        device.setHandler { end in self.stageEnded(end) }
        device.setContextHandler { change in self.contextChanged(change) }
        if let limit = options.overrunLimit { overrunWatch.withLock { $0 = watchOverruns(limit) } }
        for timer in timers {
            timer.start(
                fifoPriority: options.timerFIFOPriority,
                onRelease: { task, time in
                    self.decide { state in
                        if state.takesJobs { self.handle(.jobReleased(task: task), at: time, &state) }
                    }
                    self.count()
                },
                onWake: { self.decide { self.handle(.timerFired, at: self.clock.now, &$0) } },
                onEnd: {
                    if self.releasingTimers.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { self.drain() }
                })
        }
    }

    /// Ends the releases now; jobs in flight run to their end. May be called from any thread, more than once.
    package func interrupt() {
        state.withLock { state in
            if state.drainStart == nil { state.wasInterrupted = true }
        }
        stopReleasing()
        drain()
    }

    private func stopReleasing() { for timer in timers { timer.stopReleasing() } }

    /// Waits until the releases are over and every job has ended, or the drain limit has passed; then stops all threads.
    ///
    /// - Parameter drainLimit: in place of the options' own.
    package func waitForEnd(drainLimit: Nanoseconds? = nil) -> Outcome {
        let limit = drainLimit ?? options.drainLimit
        while !drained.wait(seconds: min(0.1, max(0.001, limit.inSeconds))) {
            let start = state.withLock { $0.drainStart }
            guard let start, clock.now - start >= limit else { continue }
            device.terminateRunningStages()
            _ = drained.wait(seconds: options.terminationLimit.inSeconds)
            break
        }
        for timer in timers { timer.stop() }
        hasEnded.post()
        overrunWatch.withLock { watch in
            watch?.join()
            watch = nil
        }
        let energy = energy()
        state.withLock { $0.isOver = true }
        let ledger = counted { $0.ledger }
        let outcome = state.withLock { state in
            let released = min(duration, state.drainStart ?? clock.now)
            return Outcome(
                summary: RunSummary(
                    ledger, scheduler: state.scheduler, duration: released, elapsed: max(released, state.lastEnd),
                    energy: energy.map { ($0.joules, $0.seconds) }),
                wasInterrupted: state.wasInterrupted, errors: state.failures, loss: state.loss,
                energy: energy.map { RecordedEnergy(joules: $0.joules, seconds: $0.seconds) })
        }
        // A device that hangs in a stage keeps the executor, for that stage's end.
        if outcome.summary.jobs.inFlight == 0 {
            device.setHandler { _ in }
            device.setContextHandler { _ in }
        }
        abandonSubmissions()
        completions.stop()
        return outcome
    }

    /// What has been counted so far: a few numbers, copied under the lock.
    package func snapshot() -> Snapshot {
        counted { Snapshot(elapsed: clock.now, hp: $0.ledger.figures(.high), lp: $0.ledger.figures(.low)) }
    }

    /// The energy that the device has used since the start; `nil` if it does not count it, or the run has not started. Asks the
    /// device, under no lock.
    package func energy() -> EnergyUse? {
        guard let first = firstEnergy.withLock({ $0 }), let reading = device.energy() else { return nil }
        return EnergyUse(
            joules: max(0, reading.joules - first.joules), seconds: (clock.now - first.time).inSeconds,
            watts: reading.watts)
    }

    /// Whether any context can run stages now.
    package var canRun: Bool { hasContext.load(ordering: .relaxed) }

    /// Notes whether any context can run stages.
    func noteContexts(_ state: borrowing State) {
        hasContext.store(state.loss == nil && state.scheduler.hasContext, ordering: .relaxed)
    }

    /// Ends the releases, for a device that is lost for good.
    func abandon(_ reason: DeviceError) {
        let isNew = state.withLock { state in
            guard !state.isOver, state.loss == nil else { return false }
            state.loss = reason
            noteContexts(state)
            return true
        }
        guard isNew else { return }
        stopReleasing()
        drain()
        options.whenLost?(reason)
    }

    private func drain() {
        state.withLock { state in
            state.takesJobs = false
            if state.drainStart == nil { state.drainStart = clock.now }
            if state.scheduler.counts.inFlight == 0 { drained.post() }
        }
    }
}

/// How a task's jobs come about, whatever device they run on.
package enum JobArrival: Sendable, Hashable {
    /// The executor releases a job at each of these times.
    case clock(ArrivalSequence)
    /// Jobs come from `submit`.
    case sporadic
}

/// The energy that a device has used since a run began, by the whole device, other users included.
package struct EnergyUse: Hashable, Sendable {
    /// In J.
    package var joules: Double
    /// The time since the run began, in s.
    package var seconds: Double
    /// The power drawn now in W, if the device says so.
    package var watts: Double?

    /// What was used.
    package init(joules: Double, seconds: Double, watts: Double?) {
        self.joules = joules
        self.seconds = seconds
        self.watts = watts
    }
}
