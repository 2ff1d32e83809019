import DarisCore

/// A baseline: it decides which whole networks an idle lane runs together.
package protocol BaselinePolicy {
    /// The jobs that a lane which is idle runs together now: of one model, at most as many as wait; `nil` to leave it idle.
    mutating func batch(for lane: Int, of waiting: WaitingJobs, at now: Nanoseconds) -> (model: Int, jobs: Int)?

    /// Takes in how long a batch took.
    mutating func batchEnded(model: Int, jobs: Int, time: Nanoseconds)
}

/// The jobs of each model that wait for a lane, in the order of their release.
package struct WaitingJobs: Sendable {
    /// A job that was released.
    struct Job: Sendable {
        let id: JobID
        let release: Nanoseconds
        let deadline: Nanoseconds
    }

    private var jobs: [[Job]]
    /// By model: how many have been taken from the front.
    private var taken: [Int]

    init(models: Int) {
        jobs = Array(repeating: [], count: models)
        taken = Array(repeating: 0, count: models)
    }

    /// How many jobs of a model wait.
    package func count(of model: Int) -> Int { jobs[model].count - taken[model] }

    /// The model whose job has waited longest; `nil` if none waits.
    package var longestWaiting: Int? {
        jobs.indices.filter { count(of: $0) > 0 }
            .min { (jobs[$0][taken[$0]].release, $0) < (jobs[$1][taken[$1]].release, $1) }
    }

    mutating func append(_ job: Job, of model: Int) { jobs[model].append(job) }

    mutating func take(_ count: Int, of model: Int) -> [Job] {
        let first = taken[model]
        taken[model] += count
        defer {
            if taken[model] > 1024 {
                jobs[model].removeFirst(taken[model])
                taken[model] = 0
            }
        }
        return Array(jobs[model][first..<first + count])
    }
}

/// What came of a baseline's run: the figures that `RunSummary` has for Daris.
package struct BaselineResult: Sendable {
    /// Completed inferences a second, until the last job had ended.
    package var jps: Double
    /// The jobs of high priority.
    package var hp: RunSummary.Group
    /// The jobs of low priority.
    package var lp: RunSummary.Group
    /// What was run together.
    package var batching: RunSummary.Batching
}

/// A run of a baseline in virtual time: tasks release jobs for some time, and the policy puts whole networks on idle lanes.
///
/// Model `m` is task `m` of the device, of one stage. Every job is admitted; a task has one job in flight for each of its
/// instances, and a release beside them waits or is skipped by its `overrun`, as under the scheduler. The same input gives the
/// same figures.
package struct BaselineRun<Device: VirtualDevice, Policy: BaselinePolicy> {
    private let tasks: [TaskSpecification]
    private let models: [Int]
    private var device: Device
    private var policy: Policy
    private var arrivals: [ArrivalSequence]
    private var next: [Nanoseconds]
    private let duration: Nanoseconds
    private var lanes: [(model: Int, jobs: [WaitingJobs.Job])?]
    private var waiting: WaitingJobs
    private var inFlight: [Int]
    private var backlog: [[WaitingJobs.Job]]
    private var released: [Int]
    private var ledger: RunLedger
    private var now = Nanoseconds.zero

    /// - Parameters:
    ///   - tasks: The tasks; their execution times are ignored.
    ///   - models: The model of each, from 0.
    ///   - lanes: The lanes of the device.
    ///   - phases: When each task is first released.
    /// - Throws: `SchedulerError` with the task and field that cannot be used.
    package init(
        _ tasks: [TaskSpecification], models: [Int], policy: Policy, on device: Device, lanes: Int,
        phases: [Nanoseconds], duration: Nanoseconds
    ) throws(SchedulerError) {
        self.tasks = tasks
        self.models = models
        self.device = device
        self.policy = policy
        self.duration = duration
        arrivals = tasks.enumerated().map { index, task in
            ArrivalSequence(.periodic, period: task.period, phase: phases[index], seed: 0)
        }
        next = []
        self.lanes = Array(repeating: nil, count: lanes)
        waiting = WaitingJobs(models: (models.max() ?? 0) + 1)
        inFlight = Array(repeating: 0, count: tasks.count)
        backlog = Array(repeating: [], count: tasks.count)
        released = inFlight
        let whole = tasks.map { task in
            var task = task
            task.afet = [.zero]
            return task
        }
        ledger = RunLedger(
            try SchedulerConfiguration(
                partition: Partition(contexts: lanes, streams: 1, oversubscription: 1), tasks: whole))
        for index in arrivals.indices { next.append(arrivals[index].next() ?? .distantFuture) }
    }

    /// Runs until the last job has ended.
    package mutating func run() -> BaselineResult {
        while true {
            let task = next.indices.min { (next[$0], $0) < (next[$1], $1) }
            let release = task.map { next[$0] < duration ? next[$0] : .distantFuture } ?? .distantFuture
            if let inside = device.nextEvent(), inside <= release {
                now = inside
                if let end = device.advance(to: now) { finish(end.lane, time: end.executionTime) }
            } else if let task, release < duration {
                now = release
                next[task] = arrivals[task].next() ?? .distantFuture
                self.release(task)
            } else {
                break
            }
        }
        func figures(_ priority: Priority) -> RunSummary.Group {
            RunSummary.Group(
                ledger.priorities[Int(priority.rawValue)], overdue: 0, seconds: max(now.inSeconds, 1e-9))
        }
        let (hp, lp) = (figures(.high), figures(.low))
        return BaselineResult(jps: hp.jps + lp.jps, hp: hp, lp: lp, batching: RunSummary.Batching(ledger))
    }

    private mutating func release(_ task: Int) {
        let job = WaitingJobs.Job(
            id: JobID(task: task, sequence: released[task]), release: now, deadline: now + tasks[task].deadline)
        released[task] += 1
        ledger.take(.event(.jobReleased(task: task), at: now))
        let limit = if case .queue(let limit) = tasks[task].overrun { limit } else { 0 }
        if inFlight[task] < tasks[task].instances {
            start(job)
        } else if backlog[task].count < limit {
            backlog[task].append(job)
        } else {
            end(job, .skipped, limit == 0 ? .previousJobInFlight : .queueFull)
        }
        fill()
    }

    private mutating func start(_ job: WaitingJobs.Job) {
        inFlight[job.id.task] += 1
        waiting.append(job, of: models[job.id.task])
    }

    private mutating func fill() {
        for lane in lanes.indices where lanes[lane] == nil {
            guard let (model, count) = policy.batch(for: lane, of: waiting, at: now), count > 0 else { continue }
            let jobs = waiting.take(min(count, waiting.count(of: model)), of: model)
            lanes[lane] = (model, jobs)
            ledger.take(.dispatch(jobs[0].id, stage: 0, lane: lane, jobs: jobs.count))
            device.start(task: model, stage: 0, jobs: jobs.count, lane: lane, at: now)
        }
    }

    private mutating func finish(_ lane: Int, time: Nanoseconds) {
        guard let (model, jobs) = lanes[lane] else { return }
        lanes[lane] = nil
        policy.batchEnded(model: model, jobs: jobs.count, time: time)
        ledger.take(.event(.stageCompleted(lane: lane, job: jobs[0].id, executionTime: time), at: now))
        for job in jobs {
            let task = job.id.task
            inFlight[task] -= 1
            end(job, .completed, now > job.deadline ? .late : .onTime)
            if !backlog[task].isEmpty { start(backlog[task].removeFirst()) }
        }
        fill()
    }

    private mutating func end(_ job: WaitingJobs.Job, _ fate: JobFate, _ reason: FateReason) {
        ledger.take(
            .end(
                JobOutcome(
                    job: job.id, fate: fate, reason: reason, priority: tasks[job.id.task].priority,
                    release: job.release, deadline: job.deadline, finish: now)))
    }
}
