import DarisCore

/// What an auditor knows of one task and of its job in flight.
struct AuditedTask: Sendable {
    enum Phase: UInt8, Sendable {
        case idle, ready, running
        /// The job's end is due in the commands of the present event.
        case ending
    }

    // Fixed. Times are nanoseconds, utilisations billionths of a lane.
    let period: Int64
    let relativeDeadline: Int64
    let isHigh: Bool
    let dropsLateJobs: Bool
    let queueLimit: Int
    let firstStage: Int
    let stageCount: Int

    var isIn = true
    /// Where the task was placed, at the start or when it was added.
    var place: Int
    /// Where its jobs start now.
    var home: Int
    var mret: Int64
    /// What its stages cost: MRET, or with batching the most time of a lane that their last w_s runs took.
    var cost: Int64
    var utilisation: Int64
    var released = 0

    // The job in flight; meaningless while idle.
    var phase = Phase.idle
    var job = AuditedRelease()
    var context = 0
    var stage = 0
    var isCancelled = false
    /// Whether a batch with the current stage has failed, so that it must run by itself.
    var runsAlone = false
    /// Whether the stage before missed its virtual deadline.
    var predecessorWasLate = false
    /// Virtual deadline of the current stage.
    var due: Int64 = 0
    /// Where the current stage stands among the ready ones of its context.
    var readyIndex = 0
    // What the end of the job must be while it is `ending`.
    var owedFate = JobFate.completed
    var owedReason = FateReason.onTime

    init(_ task: TaskSpecification, home: Int, firstStage: Int) {
        period = task.period.rawValue
        relativeDeadline = task.deadline.rawValue
        isHigh = task.priority == .high
        dropsLateJobs = task.lateness == .drop
        queueLimit = if case .queue(let limit) = task.overrun { limit } else { 0 }
        self.firstStage = firstStage
        stageCount = task.afet.count
        place = home
        self.home = home
        mret = task.afet.reduce(0) { $0 + $1.rawValue }
        cost = mret
        utilisation = 0
        updateUtilisation()
    }

    /// Whether the job with this sequence number is the one in flight.
    func isInFlight(_ sequence: Int) -> Bool { phase != .idle && job.sequence == sequence }

    /// uᵢ: cost over Tᵢ in billionths, rounded down, at most 1000 lanes.
    mutating func updateUtilisation() {
        let most: Int64 = 1_000_000_000_000
        let (product, overflow) = cost.multipliedReportingOverflow(by: 1_000_000_000)
        utilisation =
            overflow
            ? Int64(min(Int128(cost) * 1_000_000_000 / Int128(period), Int128(most))) : min(product / period, most)
    }

    /// r + D · `upTo` / `total`, rounded down; the deadline itself where nothing is known of execution times.
    func virtualDeadline(upTo: Int64, total: Int64) -> Int64 {
        let span = job.deadline - job.release
        guard total > 0 else { return job.deadline }
        let (product, overflow) = span.multipliedReportingOverflow(by: upTo)
        return job.release + (overflow ? Int64(Int128(span) * Int128(upTo) / Int128(total)) : product / total)
    }
}

/// A job that was released.
struct AuditedRelease: Sendable {
    var sequence = 0
    var release: Int64 = 0
    var deadline: Int64 = 0
}

/// What an auditor knows of one context.
struct AuditedContext: Sendable {
    var isAlive = true
    /// U_k^HP in billionths.
    var highPriority: Int64 = 0
    /// U_k^{LP,active} in billionths.
    var activeLowPriority: Int64 = 0
    /// How much more than they are LP jobs count, in 65,536ths, and since when.
    var caution: Int64 = 65_536
    var cautionRaised: Int64 = 0
    /// MRET of all stages queued and running.
    var work: Int64 = 0
    var idleLanes: Int
    var ready: ContiguousArray<AuditedRank> = []

    /// Whether a lane idles beside a ready stage.
    var isStalled: Bool { isAlive && idleLanes > 0 && !ready.isEmpty }
}

/// The place of a ready stage in the order of its context.
struct AuditedRank: Sendable {
    let level: Int
    let due: Int64
    let release: Int64
    let task: Int

    /// Whether this stage goes first: by level, then virtual deadline, then release, then task.
    func outranks(_ other: AuditedRank) -> Bool {
        if level != other.level { return level < other.level }
        if due != other.due { return due < other.due }
        if release != other.release { return release < other.release }
        return task < other.task
    }
}
