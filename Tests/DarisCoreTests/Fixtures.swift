@testable import DarisCore

/// A task of the tests: times in milliseconds.
func task(
    _ name: String, period: Int64 = 100, deadline: Int64? = nil, _ priority: Priority = .low, batch: Int = 1,
    lateness: LatenessRule = .run, overrun: OverrunRule = .skip, afet: [Int64] = [10]
) -> TaskSpecification {
    TaskSpecification(
        name: name, period: .milliseconds(period), deadline: deadline.map(Nanoseconds.milliseconds), priority: priority,
        batch: batch, lateness: lateness, overrun: overrun, afet: afet.map(Nanoseconds.milliseconds))
}

func task(
    period: Int64 = 100, deadline: Int64? = nil, _ priority: Priority = .low, batch: Int = 1,
    lateness: LatenessRule = .run, overrun: OverrunRule = .skip, afet: [Int64] = [10]
) -> TaskSpecification {
    task(
        "t", period: period, deadline: deadline, priority, batch: batch, lateness: lateness, overrun: overrun,
        afet: afet)
}

func milliseconds(_ count: Int64) -> Nanoseconds { .milliseconds(count) }

/// A scheduler driven by hand, times in milliseconds; `wake` commands are kept apart.
struct Bench: ~Copyable {
    var scheduler: Scheduler
    /// What was counted.
    var ledger: RunLedger
    var wake: Nanoseconds?
    private var buffer = CommandBuffer()

    init(
        contexts: Int = 1, streams: Int = 1, express: Int = 0, _ tasks: [TaskSpecification], homes: [Int]? = nil,
        options: SchedulerOptions = SchedulerOptions()
    ) throws {
        var configuration = try SchedulerConfiguration(
            partition: Partition(contexts: contexts, streams: streams, oversubscription: 1, express: express),
            tasks: tasks,
            options: options)
        if let homes { configuration.homes = homes }
        self.init(configuration)
    }

    init(_ configuration: SchedulerConfiguration) {
        scheduler = Scheduler(configuration)
        ledger = RunLedger(configuration)
    }

    @discardableResult
    mutating func send(_ event: Event, at time: Int64) -> [Command] {
        scheduler.handle(event, at: .milliseconds(time), into: &buffer)
        ledger.observe(event, at: .milliseconds(time), buffer)
        for case .wake(let time) in buffer { wake = time }
        return buffer.filter { if case .wake = $0 { false } else { true } }
    }

    @discardableResult
    mutating func release(_ task: Int, at time: Int64, deadline: Int64? = nil) -> [Command] {
        send(.jobReleased(task: task, relativeDeadline: deadline.map(Nanoseconds.milliseconds)), at: time)
    }

    /// Completes what runs on a lane.
    @discardableResult
    mutating func complete(lane: Int = 0, took: Int64 = 10, at time: Int64) -> [Command] {
        guard let job = scheduler.dispatch(on: lane)?.jobs.first else { return [] }
        return send(.stageCompleted(lane: lane, job: job, executionTime: .milliseconds(took)), at: time)
    }

    @discardableResult
    mutating func fail(lane: Int = 0, at time: Int64) -> [Command] {
        guard let job = scheduler.dispatch(on: lane)?.jobs.first else { return [] }
        return send(.stageFailed(lane: lane, job: job), at: time)
    }
}

extension Command {
    /// A stage of one job.
    static func dispatch(job: JobID, stage: Int, lane: Int) -> Command {
        .dispatch(Dispatch(stage: stage, lane: lane, job: job))
    }
}

extension [Command] {
    /// Tasks whose stages were started, in order.
    var started: [Int] { dispatches.map { $0.jobs[0].task } }
    /// Tasks whose stages run with those.
    var joined: [Int] { dispatches.flatMap { $0.jobs.dropFirst().map(\.task) } }
    var lanes: [Int] { dispatches.map(\.lane) }
    var dispatches: [Dispatch] { compactMap { if case .dispatch(let dispatch) = $0 { dispatch } else { nil } } }
    var fates: [JobFate] { outcomes.map(\.fate) }
    var reasons: [FateReason] { outcomes.map(\.reason) }
    var outcomes: [JobOutcome] { compactMap { if case .finished(let outcome) = $0 { outcome } else { nil } } }
    /// The context of the job that was admitted.
    var admittedTo: Int? {
        for case .admitted(_, let context, _) in self { return context }
        return nil
    }
    var migrated: Bool? {
        for case .admitted(_, _, let migrated) in self { return migrated }
        return nil
    }
}
