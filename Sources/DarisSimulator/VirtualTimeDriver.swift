public import DarisCore
import HeapModule

/// Drives a scheduler in virtual time: releases tasks periodically, lets stages take as long as it is told, and hands
/// every event to the scheduler in order of time. The same input gives the same trace.
///
/// ```swift
/// let result = VirtualTimeDriver(configuration, duration: .seconds(10), stageTimes: .constant).run()
/// print(result.summary.hp.dmr)
/// ```
///
/// At one instant stages end first, then the timer fires, then other events come, then jobs are released: a job that
/// ends just when its task's next one is released is not in its way.
public struct VirtualTimeDriver: Sendable {
    /// What came of a run.
    public struct Result: Sendable {
        /// What was counted.
        public let metrics: RunMetrics
        /// The figures.
        public let summary: RunSummary
        /// When the last event happened.
        public let end: Nanoseconds
        /// Every event and command, if asked for.
        public let entries: ContiguousArray<RecordEntry>
    }

    /// What the scheduler is made from.
    public var configuration: SchedulerConfiguration
    /// When each task is first released; zero where the list ends.
    public var phases: [Nanoseconds]
    /// How long jobs are released; the run ends when the last of them has.
    public var duration: Nanoseconds
    /// How long stages take.
    public var stageTimes: StageTimes
    /// Whether a stage fails instead of completing.
    public var fails: (@Sendable (_ job: JobID, _ stage: Int, _ lane: Int) -> Bool)?
    /// Events from outside: contexts lost and restored, jobs cancelled, sporadic releases.
    public var otherEvents: [(time: Nanoseconds, event: Event)] = []
    /// Whether to keep every event and command.
    public var keepsEntries = false

    /// A driver of periodic releases.
    public init(
        _ configuration: SchedulerConfiguration, phases: [Nanoseconds] = [], duration: Nanoseconds,
        stageTimes: StageTimes = .constant, keepsEntries: Bool = false
    ) {
        self.configuration = configuration
        self.phases = phases
        self.duration = duration
        self.stageTimes = stageTimes
        self.keepsEntries = keepsEntries
    }

    /// Runs to the end.
    public func run() -> Result {
        var run = VirtualTimeRun(self)
        return run.run()
    }
}

/// Something that will happen.
private struct Pending: Comparable {
    enum Kind: UInt8 { case stageEnd, timer, other, release }
    var time: Nanoseconds
    var kind: Kind
    /// Order of creation, which breaks ties.
    var number: Int
    var event: Event

    static func < (a: Pending, b: Pending) -> Bool {
        if a.time != b.time { return a.time < b.time }
        if a.kind != b.kind { return a.kind.rawValue < b.kind.rawValue }
        return a.number < b.number
    }
}

private struct VirtualTimeRun: ~Copyable {
    private let driver: VirtualTimeDriver
    private var scheduler: Scheduler
    private var metrics: RunMetrics
    private var pending = Heap<Pending>()
    private var created = 0
    private var now = Nanoseconds.zero
    private var wake: Nanoseconds?
    private var laneJobs: [JobID?]
    private var random: SplitMix64
    private var commands = CommandBuffer()
    private var entries = ContiguousArray<RecordEntry>()

    init(_ driver: VirtualTimeDriver) {
        self.driver = driver
        scheduler = Scheduler(driver.configuration)
        metrics = RunMetrics(driver.configuration)
        laneJobs = Array(repeating: nil, count: driver.configuration.partition.lanes)
        random = if case .noisy(let seed, _) = driver.stageTimes { SplitMix64(seed: seed) } else { SplitMix64(seed: 0) }
    }

    mutating func run() -> VirtualTimeDriver.Result {
        for task in driver.configuration.tasks.indices {
            scheduleRelease(of: task, at: task < driver.phases.count ? driver.phases[task] : .zero)
        }
        for (time, event) in driver.otherEvents { schedule(.other, event, at: time) }
        while let next = pending.popMin() {
            if next.kind == .timer {
                guard wake == next.time else { continue }
                wake = nil
            }
            now = next.time
            take(next)
        }
        let summary = RunSummary(metrics, scheduler: scheduler, duration: driver.duration, elapsed: now)
        return VirtualTimeDriver.Result(metrics: metrics, summary: summary, end: now, entries: entries)
    }

    private mutating func take(_ next: Pending) {
        switch next.event {
        case .jobReleased(let task, _):
            metrics.recordRelease(task: task, priority: driver.configuration.tasks[task].priority)
            if next.kind == .release {
                scheduleRelease(of: task, at: next.time + driver.configuration.tasks[task].period)
            }
        case .stageCompleted(let lane, let job, let executionTime):
            // Not so if the context was lost in between.
            if laneJobs[lane] == job { metrics.recordStage(lane: lane, executionTime: executionTime) }
        default: break
        }
        scheduler.handle(next.event, at: now, into: &commands)
        if driver.keepsEntries { entries.append(RecordEntry(now, next.event)) }
        for command in commands {
            if driver.keepsEntries { entries.append(RecordEntry(now, command)) }
            obey(command)
        }
    }

    private mutating func obey(_ command: Command) {
        switch command {
        case .admitted(let job, _, let migrated):
            if migrated {
                metrics.recordMigration(task: job.task, priority: driver.configuration.tasks[job.task].priority)
            }
        case .queued: break
        case .dispatch(let job, let stage, let lane):
            laneJobs[lane] = job
            let time = stageTime(task: job.task, stage: stage, lane: lane)
            let event: Event =
                if let fails = driver.fails, fails(job, stage, lane) {
                    .stageFailed(lane: lane, job: job)
                } else {
                    .stageCompleted(lane: lane, job: job, executionTime: time)
                }
            schedule(.stageEnd, event, at: now + time)
        case .finished(let outcome): metrics.recordEnd(outcome)
        case .wake(let time):
            schedule(.timer, .timerFired, at: max(time, now))
            wake = max(time, now)
        }
    }

    private mutating func stageTime(task: Int, stage: Int, lane: Int) -> Nanoseconds {
        let afet = driver.configuration.tasks[task].afet[stage]
        return switch driver.stageTimes {
        case .constant: afet
        case .noisy(_, let factors):
            Nanoseconds(Int64(Double(afet.rawValue) * Double.random(in: factors, using: &random)))
        case .custom(let time): max(time(task, stage, lane), .zero)
        }
    }

    private mutating func scheduleRelease(of task: Int, at time: Nanoseconds) {
        if time < driver.duration { schedule(.release, .jobReleased(task: task), at: time) }
    }

    private mutating func schedule(_ kind: Pending.Kind, _ event: Event, at time: Nanoseconds) {
        pending.insert(Pending(time: time, kind: kind, number: created, event: event))
        created += 1
    }
}
