import DarisCore

/// What has been counted of a run: its ledger and the stages that ended last. Its lock is not the scheduler's, which only puts
/// notes aside.
struct Measurements: Sendable {
    private(set) var ledger: RunLedger
    /// The stages that ended last.
    private(set) var recent = RecentStages()
    /// The notes being counted; changes places with those put aside.
    private var notes = ContiguousArray<RunLedger.Note>()

    /// As many notes as are put aside before they are counted.
    static let noteLimit = 1024

    init(_ configuration: SchedulerConfiguration) {
        ledger = RunLedger(configuration)
        notes.reserveCapacity(2 * Self.noteLimit)
    }

    /// Takes the notes put aside, and leaves room for others in their place.
    mutating func collect(_ aside: inout ContiguousArray<RunLedger.Note>) { swap(&notes, &aside) }

    /// Counts what was collected.
    mutating func count() {
        for note in notes {
            if case .event(.stageCompleted(let lane, let job, let executionTime), let end) = note,
                let run = ledger.running(job, on: lane)
            {
                recent.append(
                    StageRun(
                        lane: lane, job: job, stage: run.stage, jobs: run.jobs, end: end, executionTime: executionTime))
            }
            ledger.take(note)
        }
        notes.removeAll(keepingCapacity: true)
    }

    /// Counts something that the scheduler has no part in.
    mutating func count(_ note: RunLedger.Note) { ledger.take(note) }
}

extension Executor {
    /// Counts what was put aside, unless another thread is at it. Never waits for one, and holds the scheduler's lock only to
    /// take the notes.
    func count() {
        measurements.withLockIfAvailable { measurements in
            state.withLock { measurements.collect(&$0.notes) }
            measurements.count()
        }
    }

    /// Counts what was put aside, then looks at the figures.
    func counted<Value: Sendable>(_ look: (Measurements) -> Value) -> Value {
        measurements.withLock { measurements in
            state.withLock { measurements.collect(&$0.notes) }
            measurements.count()
            return look(measurements)
        }
    }

    /// Counts a request for a job of a task that ended before it was one. Takes no lock that lanes need.
    package func count(_ end: RequestEnd, of task: Int) {
        measurements.withLock { $0.count(.request(end, task: task)) }
    }

    /// Counts what was put aside if that is much, unless another thread is at it, which waits for the lock that is held here.
    func countIfMany(_ state: inout State) {
        guard state.notes.count >= Measurements.noteLimit else { return }
        measurements.withLockIfAvailable { measurements in
            measurements.collect(&state.notes)
            measurements.count()
        }
    }
}
