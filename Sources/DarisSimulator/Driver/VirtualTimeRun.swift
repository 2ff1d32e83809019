import DarisCore
import HeapModule

/// A run of a `VirtualTimeDriver` under way.
struct VirtualTimeRun<Device: VirtualDevice>: ~Copyable {
    /// Something that will happen outside the device.
    private struct Pending: Comparable {
        enum Kind: UInt8 { case timer, other, release }
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

    private let driver: VirtualTimeDriver
    private let observer: VirtualTimeDriver.Observer?
    private var device: Device
    private var scheduler: Scheduler
    private var ledger: RunLedger
    private var arrivals: ContiguousArray<ArrivalSequence?>
    private var pending = Heap<Pending>()
    private var created = 0
    private var now = Nanoseconds.zero
    private var wake: Nanoseconds?
    /// What runs on each lane.
    private var lanes: ContiguousArray<Dispatch?>
    private var commands = CommandBuffer()
    private var entries = ContiguousArray<RecordEntry>()
    private var events = 0
    private var startedInTime: ContiguousArray<Bool>
    private var inferencesStartedInTime = 0
    private var violation: String?
    private var auditor: Auditor
    private var clockOffset = Nanoseconds.zero
    private var nextStep = 0
    private var replacements: [Int: [TaskSpecification]]
    /// What has just ended.
    private var ended: Dispatch?

    init(_ driver: VirtualTimeDriver, device: Device, observer: VirtualTimeDriver.Observer?) {
        self.driver = driver
        self.device = device
        self.observer = observer
        arrivals = ContiguousArray(driver.arrivals)
        replacements = driver.replacements
        scheduler = Scheduler(driver.configuration)
        ledger = RunLedger(driver.configuration)
        auditor = Auditor(driver.configuration)
        lanes = ContiguousArray(repeating: nil, count: driver.configuration.partition.laneCount)
        startedInTime = ContiguousArray(repeating: false, count: driver.configuration.tasks.count)
    }

    mutating func run() -> VirtualTimeDriver.Result {
        for task in driver.configuration.tasks.indices { scheduleRelease(of: task) }
        for (time, event) in driver.otherEvents { schedule(.other, event, at: time) }
        while violation == nil {
            let outside = pending.min?.time
            if let inside = device.nextEvent(), inside <= (outside ?? .distantFuture) {
                now = inside
                if let end = device.advance(to: now) { stageEnded(lane: end.lane, executionTime: end.executionTime) }
            } else if let next = pending.popMin() {
                take(next)
            } else {
                break
            }
        }
        check()
        if violation == nil, let found = auditor.finish() { violation = found.description }
        let summary = RunSummary(ledger, scheduler: scheduler, duration: driver.duration, elapsed: now)
        return VirtualTimeDriver.Result(
            ledger: ledger, summary: summary, end: now, busyTime: device.busyTime, events: events,
            inferencesStartedInTime: inferencesStartedInTime, violation: violation, entries: entries)
    }

    private mutating func stageEnded(lane: Int, executionTime: Nanoseconds) {
        guard let dispatch = lanes[lane] else { return }
        lanes[lane] = nil
        let job = dispatch.jobs[0]
        if let fails = driver.fails, fails(job, dispatch.stage, lane) {
            handle(.stageFailed(lane: lane, job: job))
        } else {
            ended = dispatch
            handle(.stageCompleted(lane: lane, job: job, executionTime: executionTime))
        }
    }

    private mutating func take(_ next: Pending) {
        if next.kind == .timer {
            guard wake == next.time else { return }
            wake = nil
        }
        now = next.time
        switch next.event {
        case .jobReleased(let task, _):
            if next.kind == .release { scheduleRelease(of: task) }
        case .contextLost(let context):
            guard (0..<driver.configuration.partition.contexts).contains(context) else { break }
            for lane in driver.configuration.partition.lanes(of: context) where lanes[lane] != nil {
                device.abandon(lane: lane, at: now)
                lanes[lane] = nil
            }
        case .taskAdded(let task): replace(task)
        default: break
        }
        handle(next.event)
    }

    /// Puts the next task in the place of one, if it can be.
    private mutating func replace(_ task: Int) {
        guard let next = replacements[task]?.first, scheduler.obstacle(toReplacing: task, with: next) == nil else {
            return
        }
        replacements[task]?.removeFirst()
        scheduler.replace(task, with: next)
        ledger.observe(next, replacing: task)
        if driver.keepsEntries { entries.append(RecordEntry(max(.zero, now + clockOffset), task, next)) }
        if let found = auditor.replace(task, with: next) { violation = found.description }
    }

    private mutating func handle(_ event: Event) {
        events += 1
        while nextStep < driver.clockSteps.count, driver.clockSteps[nextStep].time <= now {
            clockOffset = driver.clockSteps[nextStep].offset
            nextStep += 1
        }
        let told = max(.zero, now + clockOffset)
        scheduler.handle(event, at: told, into: &commands)
        ledger.observe(event, at: told, commands)
        if driver.keepsEntries { entries.append(RecordEntry(told, event)) }
        observer?(event, told, commands)
        audit(event, at: told)
        for command in commands {
            if driver.keepsEntries { entries.append(RecordEntry(told, command)) }
            obey(command)
        }
        if driver.eventLimit > 0 && events >= driver.eventLimit { violation = "\(events) events and no end" }
        if driver.checkInterval > 0 && events % driver.checkInterval == 0 { check() }
    }

    /// Invariants 1 to 5 and 7, from events and commands alone; MRET, which they do not tell, is asked for: of the stage
    /// that has ended, or of all stages of a task that was rejected, which may have forgotten some.
    private mutating func audit(_ event: Event, at time: Nanoseconds) {
        if let found = auditor.observe(event, at: time, commands: commands) {
            violation = found.description
            return
        }
        if case .stageCompleted = event, let ended {
            for job in ended.jobs { auditTimes(of: job.task, stages: ended.stage..<ended.stage + 1) }
            if ended.jobs.count > 1 {
                auditBatchTime(of: ended.jobs[0].task, jobs: ended.jobs.count, stage: ended.stage)
            }
        }
        for case .finished(let outcome) in commands where outcome.fate == .rejected {
            let task = outcome.job.task
            auditTimes(of: task, stages: scheduler.configuration.tasks[task].afet.indices)
        }
    }

    private mutating func auditTimes(of task: Int, stages: Range<Int>) {
        for stage in stages {
            if let wrong = auditor.check(mret: scheduler.mret(of: task, stage: stage), of: task, stage: stage) {
                violation = wrong.description
            }
            if let wrong = auditor.check(cost: scheduler.cost(of: task, stage: stage), of: task, stage: stage) {
                violation = wrong.description
            }
        }
    }

    private mutating func auditBatchTime(of task: Int, jobs: Int, stage: Int) {
        let time = scheduler.batchTime(of: task, jobs: jobs, stage: stage)
        if let wrong = auditor.check(batchTime: time, of: task, jobs: jobs, stage: stage) {
            violation = wrong.description
        }
    }

    private mutating func check() {
        guard driver.checkInterval > 0, violation == nil, let found = scheduler.invariantViolation() else { return }
        violation = "after event \(events), at \(now.rawValue) ns: \(found)"
    }

    private mutating func obey(_ command: Command) {
        switch command {
        case .admitted(let job, _, _): startedInTime[job.task] = now < driver.duration
        case .queued: break
        case .dispatch(let dispatch):
            lanes[dispatch.lane] = dispatch
            device.start(
                task: dispatch.jobs[0].task, stage: dispatch.stage, jobs: dispatch.jobs.count, lane: dispatch.lane,
                at: now)
        case .finished(let outcome):
            if outcome.fate == .completed && startedInTime[outcome.job.task] {
                inferencesStartedInTime += scheduler.configuration.tasks[outcome.job.task].batch
            }
        case .wake(let time):
            // The scheduler asks by its own clock.
            let time = max(time - clockOffset, now)
            schedule(.timer, .timerFired, at: time)
            wake = time
        }
    }

    private mutating func scheduleRelease(of task: Int) {
        guard task < arrivals.count, let time = arrivals[task]?.next(), time < driver.duration else { return }
        schedule(.release, .jobReleased(task: task), at: time)
    }

    private mutating func schedule(_ kind: Pending.Kind, _ event: Event, at time: Nanoseconds) {
        pending.insert(Pending(time: time, kind: kind, number: created, event: event))
        created += 1
    }
}
