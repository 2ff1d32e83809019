import DarisCore

/// What an auditor knows of one task.
struct AuditedTask: Sendable {
    // Fixed. Times are nanoseconds, utilisations billionths of a lane.
    let period: Int64
    let relativeDeadline: Int64
    let isHigh: Bool
    let dropsLateJobs: Bool
    let queueLimit: Int
    let firstStage: Int
    let stageCount: Int
    /// The longest sample of a stage that counts: half a day over the stages.
    var longestSample: Int64 { 43_200_000_000_000 / Int64(stageCount) }
    /// Its jobs among those of all tasks, one for each instance.
    let jobs: Range<Int>

    var isEnabled = true
    var mret: Int64
    /// What its stages cost: MRET, or with batching the most time of a lane that their last w_s runs took.
    var cost: Int64
    var utilisation: Int64
    var released = 0
    /// How many of its jobs are in flight.
    var inFlight = 0

    init(_ task: TaskSpecification, jobs: Range<Int>, firstStage: Int) {
        period = task.period.rawValue
        relativeDeadline = task.deadline.rawValue
        isHigh = task.priority == .high
        dropsLateJobs = task.lateness == .drop
        queueLimit = if case .queue(let limit) = task.overrun { limit } else { 0 }
        self.firstStage = firstStage
        stageCount = task.afet.count
        self.jobs = jobs
        mret = task.afet.reduce(0) { $0 + $1.rawValue }
        cost = mret
        utilisation = 0
        updateUtilisation()
    }

    /// Whether another job of it may start.
    var hasRoom: Bool { inFlight < jobs.count }

    /// uᵢ: cost over Tᵢ in billionths, rounded down, at most 1000 lanes.
    mutating func updateUtilisation() {
        let most: Int64 = 1_000_000_000_000
        let (product, overflow) = cost.multipliedReportingOverflow(by: 1_000_000_000)
        utilisation =
            overflow
            ? Int64(min(Int128(cost) * 1_000_000_000 / Int128(period), Int128(most))) : min(product / period, most)
    }
}

/// What an auditor knows of an instance of a task and of its job in flight.
struct AuditedJob: Sendable {
    enum Phase: UInt8, Sendable {
        case idle, ready, running
        /// The job's end is due in the commands of the present event.
        case ending
    }

    let task: Int
    /// Where the instance was placed, at the start or when its task was added.
    var place: Int
    /// Where its jobs start now.
    var home: Int

    // The job in flight; meaningless while idle.
    var phase = Phase.idle
    var release = AuditedRelease()
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
    /// Sum of MRET up to each stage, as it was at the release.
    var sums: ContiguousArray<Int64> = []
    // What the end of the job must be while it is `ending`.
    var owedFate = JobFate.completed
    var owedReason = FateReason.onTime

    init(task: Int, home: Int) {
        self.task = task
        place = home
        self.home = home
    }

    /// r + D · (sum up to the current stage) / (sum over all), rounded down; the deadline itself where nothing is known of
    /// execution times.
    var virtualDeadline: Int64 {
        let (span, upTo, total) = (release.deadline - release.release, sums[stage], sums[sums.count - 1])
        guard total > 0 else { return release.deadline }
        let (product, overflow) = span.multipliedReportingOverflow(by: upTo)
        return release.release + (overflow ? Int64(Int128(span) * Int128(upTo) / Int128(total)) : product / total)
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
    /// The safety factor of LP jobs, in 65,536ths, and when it was raised last.
    var safetyFactor: Int64 = 65_536
    var safetyFactorRaised: Int64 = 0
    /// MRET of all stages queued and running.
    var work: Int64 = 0
    let streams: Int
    let express: Int
    /// Stages that run on ordinary lanes and on express lanes, HP and LP.
    var highOnOrdinary = 0
    var lowOnOrdinary = 0
    var onExpress = 0
    var ready: ContiguousArray<AuditedRank> = []
    /// How many of the ready stages are HP.
    var highReady = 0
    /// What express lanes have taken of the time of each LP stage under them, and until when that is counted.
    var taken: Int64 = 0
    var countedUntil: Int64 = 0

    init(_ partition: Partition) {
        streams = partition.streams
        express = partition.express
    }

    /// Whether an ordinary lane is idle.
    var hasOrdinaryLane: Bool { highOnOrdinary + lowOnOrdinary < streams }
    /// Whether another HP stage may start: on an idle ordinary lane, else on an idle express lane; N_s run at most.
    var startsHigh: Bool {
        highOnOrdinary + onExpress < streams && (hasOrdinaryLane || onExpress < express)
    }

    /// Whether a lane idles beside a ready stage that may run there.
    var isStalled: Bool {
        guard isAlive, !ready.isEmpty else { return false }
        return express == 0
            ? hasOrdinaryLane : highReady > 0 && startsHigh || highReady < ready.count && hasOrdinaryLane
    }

    /// Counts until now what express stages take, in equal parts, of the time of the LP stages under them: as many lanes as are busy
    /// beyond N_s.
    mutating func countTaken(until now: Int64) {
        let over = highOnOrdinary + lowOnOrdinary + onExpress - streams
        if lowOnOrdinary > 0 && over > 0 {
            taken += (now - countedUntil) * Int64(min(over, lowOnOrdinary)) / Int64(lowOnOrdinary)
        }
        countedUntil = now
    }
}

/// The place of a ready stage in the order of its context.
struct AuditedRank: Sendable {
    let level: Int
    let isHigh: Bool
    let due: Int64
    let release: Int64
    let job: Int

    /// Whether this stage goes first: by level, then virtual deadline, then release, then task and instance.
    func outranks(_ other: AuditedRank) -> Bool {
        if level != other.level { return level < other.level }
        if due != other.due { return due < other.due }
        if release != other.release { return release < other.release }
        return job < other.job
    }
}
