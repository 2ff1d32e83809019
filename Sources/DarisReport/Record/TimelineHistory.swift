import DarisCore

/// The part of a run that a timeline shows: every job and stage run of a span of time, up to a limit.
struct TimelineHistory {
    /// A job with its end.
    struct Job {
        let id: JobID
        let release: Nanoseconds
        var deadline: Nanoseconds
        /// The end of the job, or of the run if the job did not end.
        var finish: Nanoseconds
        /// `nil` if the job was in flight at the end of the run.
        var fate: JobFate?
        var reason: FateReason?
        /// The context that admitted it; `nil` if none did.
        var context: Int?
        var migrated = false
    }

    /// A stage run with its jobs' indices in `jobs`.
    struct Run {
        let run: StageRun
        let jobs: [Int]
    }

    /// A context that was lost for a time.
    struct Loss {
        let context: Int
        let from: Nanoseconds
        var to: Nanoseconds?
    }

    /// The limit of stage runs, and of jobs.
    let limit: Int
    /// The start of the span.
    let from: Nanoseconds
    /// The end of the span.
    private(set) var to: Nanoseconds
    /// Whether `to` is earlier than requested because of the limit.
    private(set) var isCut = false
    private(set) var runs = ContiguousArray<Run>()
    private(set) var jobs = ContiguousArray<Job>()
    private(set) var losses: [Loss] = []
    /// Stage runs of the whole run.
    private(set) var totalRuns = 0
    /// Jobs of the whole run.
    private(set) var totalJobs = 0

    private let configuration: SchedulerConfiguration
    private var places: [JobID: Int] = [:]
    private var last = Nanoseconds.zero

    init(_ configuration: SchedulerConfiguration, from: Nanoseconds, to: Nanoseconds, limit: Int) {
        self.configuration = configuration
        self.from = from
        self.to = to
        self.limit = limit
    }

    private mutating func cut(at time: Nanoseconds) {
        guard max(runs.count, jobs.count) >= limit, time < to else { return }
        to = max(from, time)
        isCut = true
    }

    private mutating func keep(_ run: StageRun) {
        totalRuns += 1
        guard run.end >= from, run.start < to else { return }
        runs.append(Run(run: run, jobs: run.jobs.compactMap { places[$0] }))
        cut(at: run.end)
    }
}

extension TimelineHistory: RunFollower {
    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler) {
        last = step.time
        if let release = step.release {
            totalJobs += 1
            if release.time < to {
                places[release.job] = jobs.count
                jobs.append(
                    Job(id: release.job, release: release.time, deadline: release.deadline, finish: release.time))
                cut(at: step.time)
            }
        }
        switch step.event {
        case .contextLost(let context) where (0..<configuration.partition.contexts).contains(context):
            if losses.last(where: { $0.context == context })?.to != nil
                || !losses.contains(where: { $0.context == context })
            {
                losses.append(Loss(context: context, from: step.time))
            }
        case .contextRestored(let context):
            if let place = losses.lastIndex(where: { $0.context == context && $0.to == nil }) {
                losses[place].to = step.time
            }
        default: break
        }
        for run in step.ended { keep(run) }
        for command in step.commands {
            switch command {
            case .admitted(let id, let context, let migrated):
                guard let place = places[id] else { continue }
                jobs[place].context = context
                jobs[place].migrated = migrated
            case .finished(let outcome):
                guard let place = places.removeValue(forKey: outcome.job) else { continue }
                jobs[place].deadline = outcome.deadline
                jobs[place].finish = outcome.finish
                jobs[place].fate = outcome.fate
                jobs[place].reason = outcome.reason
            default: break
            }
        }
    }

    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler) {
        for run in running { keep(run) }
        for place in places.values { jobs[place].finish = max(end, jobs[place].release) }
        to = max(from, min(to, max(end, last)))
    }
}
