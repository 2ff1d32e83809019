import DarisCore

/// The history of a job since its release.
struct JobTrace: Sendable {
    let release: JobRelease
    /// The time and context of its admission, and whether the context is not its task's home.
    var admission: (time: Nanoseconds, context: Int, migrated: Bool)?
    /// The runs of its stages that have ended, in order.
    var runs: [StageRun] = []

    var job: JobID { release.job }
    /// The number of completed stages.
    var stagesDone: Int { runs.count { $0.outcome == .completed } }
    /// The time that it ran.
    var runTime: Nanoseconds { runs.reduce(.zero) { $0 + $1.duration } }
}

/// The jobs in flight or waiting, and the recent runs on each context.
struct JobTraces {
    /// The number of recent runs that are kept for each context.
    private static let memory = 2048

    let configuration: SchedulerConfiguration
    private var jobs: [JobID: JobTrace] = [:]
    private var recent: [[StageRun]]
    /// The run on each lane.
    private(set) var running: [StageRun?]

    init(_ configuration: SchedulerConfiguration) {
        self.configuration = configuration
        recent = [[StageRun]](repeating: [], count: configuration.partition.contexts)
        running = [StageRun?](repeating: nil, count: configuration.partition.laneCount)
    }

    /// The jobs in flight, in order of their tasks.
    var inFlight: [JobTrace] { jobs.values.sorted { ($0.job.task, $0.job.sequence) < ($1.job.task, $1.job.sequence) } }

    subscript(job: JobID) -> JobTrace? { jobs[job] }

    /// The first admitted job of a task.
    func current(of task: Int) -> JobTrace? {
        jobs.values.filter { $0.job.task == task && $0.admission != nil }.min { $0.job.sequence < $1.job.sequence }
    }

    /// The number of a task's releases that wait behind it.
    func waiting(of task: Int) -> Int { jobs.values.count { $0.job.task == task && $0.admission == nil } }

    /// Records a step, except for the ends of jobs, which `end` records.
    mutating func follow(_ step: RunStep) {
        if let release = step.release { jobs[release.job] = JobTrace(release: release) }
        for run in step.ended {
            running[run.lane] = nil
            let context = configuration.partition.context(of: run.lane)
            recent[context].append(run)
            if recent[context].count >= 2 * Self.memory { recent[context].removeFirst(Self.memory) }
            for job in run.jobs { jobs[job]?.runs.append(run) }
        }
        for run in step.started { running[run.lane] = run }
        for case .admitted(let job, let context, let migrated) in step.commands {
            jobs[job]?.admission = (step.time, context, migrated)
        }
    }

    /// Removes and returns a job that has ended.
    mutating func end(_ job: JobID) -> JobTrace? { jobs.removeValue(forKey: job) }

    /// The tasks that ran on a context in a span of time, with their times, the longest first.
    func ran(on context: Int, from: Nanoseconds, to: Nanoseconds) -> [(task: Int, time: Nanoseconds)] {
        let now = running[configuration.partition.lanes(of: context)].compactMap { run in
            run.map { run in
                var run = run
                run.end = max(run.start, to)
                return run
            }
        }
        var times: [Int: Nanoseconds] = [:]
        for run in recent[context].reversed().prefix(Self.memory) + now {
            let overlap = run.overlap(from, to)
            if overlap > .zero { times[run.jobs[0].task, default: .zero] += overlap }
        }
        return times.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map { (task: $0.key, time: $0.value) }
    }
}
