/// What the scheduler keeps of one task and of its job in flight, of which there is at most one.
///
/// The job moves only like this:
///
///     idle ──admitted──▶ ready ──dispatched──▶ running ──stage done──▶ ready … running ──last stage done──▶ idle
///     ready, running ──dropped, failed, context lost──▶ idle
struct TaskState: Sendable {
    enum Phase: UInt8, Sendable { case idle, ready, running }

    // Fixed.
    let period: Nanoseconds
    let relativeDeadline: Nanoseconds
    let priority: Priority
    let dropsLateJobs: Bool
    let queueLimit: Int
    let firstStage: Int
    let stageCount: Int

    // Moving with measurements, lost contexts, and tasks that come and go.
    /// Where the task was placed, at the start or when it was added; it returns there after a loss.
    var originalHome: Int
    /// Where its jobs start now; means nothing while the task is out.
    var home: Int
    /// Whether the task is in: releases of one that was removed are turned away.
    var isIn = true
    var mret: Nanoseconds
    var utilisation: Utilisation
    var released = 0

    // The job in flight; meaningless while idle.
    var phase = Phase.idle
    var sequence = 0
    var release = Nanoseconds.zero
    var deadline = Nanoseconds.zero
    var context = 0
    var stage = 0
    var lane = 0
    var predecessorWasLate = false
    var isCancelled = false

    init(_ task: TaskSpecification, home: Int, firstStage: Int) {
        period = task.period
        relativeDeadline = task.deadline
        priority = task.priority
        dropsLateJobs = task.lateness == .drop
        queueLimit = if case .queue(let limit) = task.overrun { limit } else { 0 }
        self.firstStage = firstStage
        stageCount = task.afet.count
        originalHome = home
        self.home = home
        mret = task.totalAFET
        utilisation = Utilisation(executionTime: mret, period: task.period)
    }

    /// Index of the current stage among the stages of all tasks.
    var currentStage: Int { firstStage + stage }
    var isAtLastStage: Bool { stage == stageCount - 1 }
}

/// A release that waits for its task's previous job (overrun rule `queue`).
struct WaitingRelease: Sendable {
    let sequence: Int
    let release: Nanoseconds
    let relativeDeadline: Nanoseconds
}

/// The moment at which a job under `late: drop` is given up.
struct DropTimer: Comparable, Sendable {
    let deadline: Nanoseconds
    let job: JobID

    static func < (a: DropTimer, b: DropTimer) -> Bool {
        if a.deadline != b.deadline { return a.deadline < b.deadline }
        return (a.job.task, a.job.sequence) < (b.job.task, b.job.sequence)
    }
}
