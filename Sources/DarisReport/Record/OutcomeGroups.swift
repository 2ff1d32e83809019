import DarisCore

/// The jobs that did not end in time, grouped by outcome: all are counted, and the first of every kind and task
/// explained.
struct OutcomeGroups {
    /// A kind of outcome.
    struct Kind: Hashable, Comparable {
        let priority: Priority
        /// The job's fate; `nil` if it was in flight at the end of the run.
        let fate: JobFate?
        /// The reason; for jobs in flight `late` if their deadline had passed, else `nil`.
        let reason: FateReason?

        static func < (a: Kind, b: Kind) -> Bool { a.rank.lexicographicallyPrecedes(b.rank) }

        /// The sort key: HP before LP, then by importance for the reader.
        private var rank: [Int] {
            let order: [JobFate?] = [.completed, .failed, .dropped, .skipped, nil, .rejected]
            return [Int(priority.rawValue), order.firstIndex(of: fate) ?? 0, reason.map { Int($0.rawValue) } ?? -1]
        }

        /// Whether such jobs count as misses (docs/decisions/0005).
        var isMiss: Bool {
            switch (fate, reason) {
            case (.completed?, _), (.failed?, _), (.dropped?, .deadlinePassed?), (nil, .late?): true
            case (.skipped?, _): priority == .high
            default: false
            }
        }
    }

    /// The explanation of one job.
    struct Note {
        let job: JobID
        /// The job's time and context in the timeline.
        let from: Nanoseconds
        let to: Nanoseconds
        let context: Int
        let words: String
    }

    /// The jobs of a kind.
    struct Group {
        var count = 0
        var byTask: [Int: Int] = [:]
        var notes: [Note] = []
        fileprivate var noted: [Int: Int] = [:]
    }

    /// The limit of explained jobs of a kind and task.
    static let taskLimit = 20
    /// The limit of explained jobs of a kind.
    static let kindLimit = 100

    private(set) var groups: [Kind: Group] = [:]
    private(set) var traces: JobTraces
    private let names: [String]

    init(_ configuration: SchedulerConfiguration) {
        traces = JobTraces(configuration)
        names = configuration.tasks.map(\.name)
    }

    private mutating func note(
        _ kind: Kind, _ trace: JobTrace, to: Nanoseconds, context: Int, words: () -> String
    ) {
        let job = trace.job
        let noted = groups[kind]?.noted[job.task, default: 0] ?? 0
        let isExplained = noted < Self.taskLimit && groups[kind]?.notes.count ?? 0 < Self.kindLimit
        let text = isExplained ? words() + (trace.release.client.map { " Trace \($0.traceID)." } ?? "") : ""
        groups[kind, default: Group()].count += 1
        groups[kind]?.byTask[job.task, default: 0] += 1
        guard isExplained else { return }
        groups[kind]?.noted[job.task, default: 0] += 1
        groups[kind]?.notes.append(Note(job: job, from: trace.release.time, to: to, context: context, words: text))
    }
}

extension OutcomeGroups: RunFollower {
    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler) {
        traces.follow(step)
        for case .finished(let outcome) in step.commands {
            guard let trace = traces.end(outcome.job) else { continue }
            guard outcome.reason != .onTime else { continue }
            let kind = Kind(priority: outcome.priority, fate: outcome.fate, reason: outcome.reason)
            let words = OutcomeWords(traces: traces, trace: trace, outcome: outcome)
            // The text is only made if it will be shown.
            let context = trace.admission?.context ?? scheduler.home(of: outcome.job.task)
            if outcome.reason == .noContextFits {
                let test = AdmissionWords(outcome.job.task, step, scheduler)
                note(kind, trace, to: outcome.finish, context: context) { test.text }
            } else {
                note(kind, trace, to: outcome.finish, context: context) { words.text }
            }
        }
    }

    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler) {
        for trace in traces.inFlight {
            let priority = traces.configuration.tasks[trace.job.task].priority
            let isOverdue = trace.release.deadline < scheduler.now
            let words = OutcomeWords(traces: traces, trace: trace, outcome: nil)
            note(
                Kind(priority: priority, fate: nil, reason: isOverdue ? .late : nil), trace, to: end,
                context: trace.admission?.context ?? scheduler.home(of: trace.job.task)
            ) { words.unfinished(at: end) }
        }
    }
}

extension OutcomeGroups.Kind {
    /// "HP: ended after the deadline".
    var title: String {
        let words =
            switch (fate, reason) {
            case (.completed?, _): "ended after the deadline"
            case (.rejected?, .noContextFits?): "rejected: no context had utilisation to spare"
            case (.rejected?, .wouldBeLate?): "rejected: it would have ended after its deadline"
            case (.rejected?, .taskRemoved?): "rejected: the task had been removed"
            case (.rejected?, _): "rejected: every context was lost"
            case (.skipped?, .queueFull?): "skipped: the queue behind the task's previous job was full"
            case (.skipped?, _): "skipped: the task's previous job was still in flight"
            case (.dropped?, .cancelled?): "cancelled"
            case (.dropped?, .taskRemoved?): "dropped: the task was removed"
            case (.dropped?, _): "dropped at the deadline"
            case (.failed?, .stageFailed?): "failed on the device"
            case (.failed?, .contextLost?): "lost with the context"
            case (.failed?, _): "failed: every context was lost"
            case (nil, .late?): "still in flight after the deadline when the run ended"
            case (nil, _): "still in flight when the run ended"
            }
        return "\(priority.name): \(words)"
    }
}
