/// One job: the `sequence`-th release (from 0) of the task with index `task`.
public struct JobID: Hashable, Sendable, Codable {
    /// Index of the task.
    public var task: Int
    /// Count of releases of that task before this one.
    public var sequence: Int

    /// The `sequence`-th job of `task`.
    @inlinable
    public init(task: Int, sequence: Int) {
        self.task = task
        self.sequence = sequence
    }
}

/// A release of a job: when it came, and how long the job has from then.
struct Release: Sendable {
    let sequence: Int
    let time: Nanoseconds
    let relativeDeadline: Nanoseconds

    var deadline: Nanoseconds { time + relativeDeadline }
}

/// A job from its admission to its end. An instance of a task has one at a time; before the first admission and after the end
/// it is `over`.
///
/// `move` is the one way in which its phase changes:
///
///     over ──admitted──▶ between ──readied──▶ ready ──started──▶ running ──stageEnded, stageFailed──▶ between
///     between, ready, running ──ended──▶ over
struct Job: Sendable {
    enum Phase: UInt8, Sendable {
        /// Not in flight.
        case over
        /// No stage of it is ready or running: it has just been admitted, or a stage has just ended.
        case between
        /// Its current stage waits for a lane.
        case ready
        /// Its current stage runs.
        case running
    }

    enum Move: Sendable {
        case admitted(Release, context: Int)
        case readied
        case started(lane: Int)
        /// The current stage is done; the next one is the current one now.
        case stageEnded(isLate: Bool)
        /// The current stage failed for all jobs that ran it together, and is to be run again by itself.
        case stageFailed
        case ended
    }

    let task: Int
    private(set) var phase = Phase.over
    private(set) var sequence = 0
    private(set) var release = Nanoseconds.zero
    private(set) var deadline = Nanoseconds.zero
    private(set) var context = 0
    /// The current stage; the number of stages once all are done.
    private(set) var stage = 0
    /// Where it runs, while it does.
    private(set) var lane = 0
    /// Whether the stage before the current one missed its virtual deadline.
    private(set) var predecessorWasLate = false
    /// Whether it is to be dropped when its running stage ends.
    private(set) var isCancelled = false
    /// Whether a batch with its current stage has failed.
    private(set) var runsAlone = false

    init(task: Int) { self.task = task }

    var id: JobID { JobID(task: task, sequence: sequence) }
    var isInFlight: Bool { phase != .over }
    /// Its release; meaningless before the first.
    var asRelease: Release { Release(sequence: sequence, time: release, relativeDeadline: deadline - release) }

    /// Takes the job to its next phase.
    ///
    /// - Precondition: the move is legal in the present phase.
    @inline(__always)
    mutating func move(_ move: Move) {
        switch (phase, move) {
        case (.over, .admitted(let release, let context)):
            phase = .between
            sequence = release.sequence
            self.release = release.time
            deadline = release.deadline
            self.context = context
            stage = 0
            predecessorWasLate = false
            isCancelled = false
            runsAlone = false
        case (.between, .readied): phase = .ready
        case (.ready, .started(let lane)):
            phase = .running
            self.lane = lane
        case (.running, .stageEnded(let isLate)):
            phase = .between
            stage += 1
            predecessorWasLate = isLate
            runsAlone = false
        case (.running, .stageFailed):
            phase = .between
            runsAlone = true
        case (.between, .ended), (.ready, .ended), (.running, .ended): phase = .over
        default: preconditionFailure("a job that is \(phase) cannot be \(move)")
        }
    }

    /// Has the job dropped when its running stage ends.
    mutating func cancel() { isCancelled = true }
}
