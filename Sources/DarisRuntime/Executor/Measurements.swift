import DarisCore

/// What has been measured and not counted yet.
///
/// Counting touches histograms that are spread over memory, which after a stage has swept the caches costs more than the
/// decision itself. So a lane only writes down what it saw, in one line after the other, and the release timer counts it.
struct Measurements: Sendable {
    enum Entry: Sendable {
        case release(task: Int, Priority)
        case migration(task: Int, Priority)
        case end(JobOutcome)
        case stage(StageRun)
        case decision(Nanoseconds)
        case handover(Nanoseconds)
        case loss(context: Int)
        case restore(context: Int)
    }

    private var entries = ContiguousArray<Entry>()
    /// What has been counted.
    private(set) var metrics: RunMetrics
    /// The stages counted last.
    private(set) var recent = RecentStages()
    private static let limit = 1024

    init(_ configuration: SchedulerConfiguration) {
        metrics = RunMetrics(configuration)
        entries.reserveCapacity(Self.limit)
    }

    /// Writes an entry down; counts all of them if there is no room for more.
    mutating func note(_ entry: Entry) {
        if entries.count == Self.limit { count() }
        entries.append(entry)
    }

    /// Everything, counted.
    var counted: RunMetrics {
        mutating get {
            count()
            return metrics
        }
    }

    /// Counts what has been written down.
    mutating func count() {
        for entry in entries {
            switch entry {
            case .release(let task, let priority): metrics.recordRelease(task: task, priority: priority)
            case .migration(let task, let priority): metrics.recordMigration(task: task, priority: priority)
            case .end(let outcome): metrics.recordEnd(outcome)
            case .stage(let run):
                metrics.recordStage(
                    lane: Int(run.lane), task: Int(run.task), jobs: Int(run.jobs), executionTime: run.executionTime)
                recent.append(run)
            case .decision(let time): metrics.recordDecision(time)
            case .handover(let time): metrics.recordHandover(time)
            case .loss(let context): metrics.recordLoss(of: context)
            case .restore(let context): metrics.recordRestore(of: context)
            }
        }
        entries.removeAll(keepingCapacity: true)
    }
}
