@testable import DarisCore

/// The scheduler of the design, section 2, as plainly as it can be said: no state but the facts, everything else worked
/// out from scratch at every decision. Slow on purpose; it shares no rule with `Scheduler`, only its event and command
/// types.
///
/// It asks for no `wake`: when to wake is a matter of how timers are kept, and the property test checks it by itself.
///
/// With a `defect` it breaks one rule on purpose, so that whoever checks schedulers can be checked.
struct ReferenceScheduler {
    struct Job {
        var id: JobID
        var release: Int64
        var deadline: Int64
        var context = -1
        var stage = 0
        var lane: Int?
        var due: [Int64] = []
        var predecessorWasLate = false
        var isCancelled = false
        var runsAlone = false
        /// The job that was dispatched on the lane, if this one runs with it.
        var leader: JobID?
    }

    let configuration: SchedulerConfiguration
    let defect: Defect?
    var now: Int64 = 0
    var released: [Int]
    var inFlight: [Job] = []
    var waiting: [Job] = []
    /// Every execution time ever measured, by task and stage.
    var history: [[[Int64]]]
    /// What every stage ever cost its task, in time of a lane.
    var costs: [[[Int64]]]
    /// Every execution time of a batch, by group, number of jobs and stage.
    var batchHistory: [[Int]: [Int64]] = [:]
    /// How much more than they are LP jobs count on each context, in 65,536ths, and when that was last raised.
    var caution: [Int: Int64]
    var cautionRaised: [Int: Int64] = [:]
    /// When a stage last went to each lane.
    var dispatchTimes: [Int: Int64] = [:]
    /// The jobs that run with one that was dispatched.
    var companions: [JobID: [JobID]] = [:]
    var originalHomes: [Int]
    var homes: [Int]
    var isIn: [Bool]
    var isAlive: [Bool]
    var commands: [Command] = []

    var options: SchedulerOptions { configuration.options }
    var streams: Int { configuration.partition.streams }
    var specifications: [TaskSpecification] { configuration.tasks }

    init(_ configuration: SchedulerConfiguration, defect: Defect? = nil) {
        self.configuration = configuration
        self.defect = defect
        released = configuration.tasks.map { _ in 0 }
        caution = Dictionary(uniqueKeysWithValues: (0..<configuration.partition.contexts).map { ($0, 65_536) })
        history = configuration.tasks.map { task in task.afet.map { _ in [] } }
        costs = history
        isAlive = Array(repeating: true, count: configuration.partition.contexts)
        originalHomes = []
        homes = configuration.tasks.map { _ in -1 }
        isIn = configuration.tasks.map { _ in true }
        place(Array(configuration.tasks.indices))
        let placed = homes
        originalHomes = placed
    }

    // MARK: - What follows from the facts

    func mret(_ task: Int, _ stage: Int) -> Int64 {
        recent(history[task][stage], specifications[task].afet[stage].rawValue)
    }

    func recent(_ samples: [Int64], _ afet: Int64) -> Int64 {
        if samples.isEmpty { return afet }
        var size = options.windowSize
        if has(.longWindow) { size += 1 }
        if has(.shortWindow) { size = max(1, size - 1) }
        let recent = options.worstCaseExecutionTime ? samples : Array(samples.suffix(size))
        if has(.minimumTime) { return recent.min()! }
        return max(recent.max()!, has(.keepsAFET) ? afet : 0)
    }

    func has(_ defect: Defect) -> Bool { self.defect == defect }

    func mret(_ task: Int) -> Int64 { specifications[task].afet.indices.reduce(0) { $0 + mret(task, $1) } }

    /// What a stage counts for in utilisation and queued work.
    func cost(_ task: Int, _ stage: Int) -> Int64 {
        isBatching ? recentCost(costs[task][stage], specifications[task].afet[stage].rawValue) : mret(task, stage)
    }

    func cost(_ task: Int) -> Int64 { specifications[task].afet.indices.reduce(0) { $0 + cost(task, $1) } }

    /// Billionths of a lane, rounded down, at most 1000 lanes.
    func utilisation(_ task: Int) -> Int64 {
        Int64(min(Int128(cost(task)) * 1_000_000_000 / Int128(specifications[task].period.rawValue), 1_000_000_000_000))
    }

    func isHigh(_ task: Int) -> Bool { specifications[task].priority == .high }
    func drops(_ task: Int) -> Bool { specifications[task].lateness == .drop && !has(.neverDrops) }

    func highPriorityUtilisation(_ context: Int) -> Int64 {
        if has(.ignoresHighPriority) { return 0 }
        return homes.indices.filter {
            (isIn[$0] || has(.keepsRemovedUtilisation)) && homes[$0] == context && isHigh($0)
        }.reduce(0) { $0 + utilisation($1) }
    }

    func activeUtilisation(_ context: Int) -> Int64 {
        if has(.ignoresActive) { return 0 }
        if has(.countsIdleTasks) {
            return homes.indices.filter { homes[$0] == context && !isHigh($0) }.reduce(0) { $0 + utilisation($1) }
        }
        return inFlight.filter { $0.context == context && !isHigh($0.id.task) }.reduce(0) {
            $0 + utilisation($1.id.task)
        }
    }

    func fits(_ task: Int, _ context: Int) -> Bool {
        let room = Int64(streams) * 1_000_000_000 - highPriorityUtilisation(context)
        let own = has(.ignoresOwnUtilisation) ? 0 : utilisation(task)
        let needed = withCaution(own + activeUtilisation(context), context)
        return isAlive[context] && (needed < room || has(.admitsWhenExactlyFull) && needed == room)
    }

    /// With batching, LP jobs count for more than they are.
    func withCaution(_ utilisation: Int64, _ context: Int) -> Int64 {
        Int64(Int128(utilisation) * Int128(has(.ignoresCaution) ? 65_536 : caution[context]!) / 65_536)
    }

    func predictedFinish(_ task: Int, _ context: Int) -> Int64 {
        var work: Int64 = 0
        for job in inFlight where job.context == context && !has(.ignoresQueuedWork) {
            for stage in job.stage..<specifications[job.id.task].afet.count { work += cost(job.id.task, stage) }
        }
        return work / Int64(streams) + mret(task)
    }

    /// Where a job of the task would go now.
    func target(_ task: Int) -> Int? {
        let home = homes[task]
        if isHigh(task) && !has(.rejectsHighPriority) || options.policy != .daris || !options.admission {
            return isAlive[home] ? home : nil
        }
        if fits(task, home) && !has(.migratesFirst) { return home }
        if !options.migration || has(.neverMigrates) { return nil }
        return isAlive.indices.filter { $0 != home && fits(task, $0) }
            .map { (predictedFinish(task, $0), activeUtilisation($0), has(.breaksMigrationTies) ? -$0 : $0) }
            .sorted(by: has(.migratesToLatestFinish) ? { $0 > $1 } : { $0 < $1 }).first.map { abs($0.2) }
    }

    /// A job's place in the order: lower goes first.
    func rank(_ job: Job) -> [Int64] {
        let task = job.id.task
        let last = options.lastStageLevel && !has(.noLastLevel) && job.stage == specifications[task].afet.count - 1
        let late = options.lateLevel && !has(.noLateLevel) && job.predecessorWasLate
        var level = [last && late, last && !late, !last && late, !last && !late].firstIndex(of: true)!
        if isHigh(task) == has(.lowBeforeHigh) { level += 4 }
        let due = has(.latestDeadlineFirst) ? -job.due[job.stage] : job.due[job.stage]
        let release = has(.tiesToLaterRelease) ? -job.release : job.release
        let index = Int64(has(.tiesToHigherTask) ? -task : task)
        switch options.policy {
        case .daris: return [options.fixedPriority ? Int64(level) : 0, due, release, index]
        case .edf: return [job.deadline, job.release, Int64(task)]
        case .fifo: return [job.release, Int64(task)]
        }
    }

    func ready(_ context: Int) -> [Job] {
        inFlight.filter { $0.context == context && $0.lane == nil }
            .sorted { rank($0).lexicographicallyPrecedes(rank($1)) }
    }

    mutating func place(_ tasks: [Int]) {
        let order = tasks.sorted {
            (isHigh($0) ? 0 : 1, -utilisation($0), $0) < (isHigh($1) ? 0 : 1, -utilisation($1), $1)
        }
        for task in order {
            let contexts = isAlive.indices.filter { isAlive[$0] }
            let best = contexts.map { (load($0), $0) }.sorted(by: <).first
            if let best { homes[task] = best.1 }
        }
    }

    func load(_ context: Int) -> Int64 {
        homes.indices.filter { isIn[$0] && homes[$0] == context }.reduce(0) { $0 + utilisation($1) }
    }

    // MARK: - Events

    mutating func handle(_ event: Event, at time: Nanoseconds) -> [Command] {
        commands = []
        now = max(now, time.rawValue)
        switch event {
        case .jobReleased(let task, let relativeDeadline):
            let given = Self.clamped(relativeDeadline ?? specifications[task].deadline)
            // The release is when it was, even if the news of it is late.
            let job = Job(
                id: JobID(task: task, sequence: released[task]), release: time.rawValue,
                deadline: time.rawValue + given)
            released[task] += 1
            if !isIn[task] && !has(.ignoresRemoval) {
                tell(job, .rejected, .taskRemoved)
            } else if inFlight.contains(where: { $0.id.task == task }) {
                overrun(job)
            } else {
                admit(job, lane: nil)
            }
        case .stageCompleted(let lane, let id, let executionTime):
            guard let index = runningJob(id, lane) else { break }
            completeStage(index, lane, Self.clamped(executionTime))
        case .stageFailed(let lane, let id):
            guard let index = runningJob(id, lane) else { break }
            let members = members(of: id)
            if members.count > 1 {
                failTogether(members, lane)
                break
            }
            end(index, .failed, .stageFailed, lane: lane)
            if has(.failureHitsNeighbour), let next = inFlight.firstIndex(where: { $0.lane == nil }) {
                end(next, .failed, .stageFailed, lane: nil)
            }
            if !has(.leavesLaneIdle) { dispatch(lane / streams, lane: lane) }
        case .jobCancelled(let id):
            if let index = inFlight.firstIndex(where: { $0.id == id }) {
                if inFlight[index].lane == nil {
                    end(index, .dropped, .cancelled, lane: nil)
                } else {
                    inFlight[index].isCancelled = true
                }
            } else if let index = waiting.firstIndex(where: { $0.id == id }) {
                tell(waiting.remove(at: index), .dropped, .cancelled)
            }
        case .timerFired: dropOverdue()
        case .contextLost(let context): lose(context)
        case .contextRestored(let context): restore(context)
        case .taskRemoved(let task): remove(task)
        case .taskAdded(let task): add(task)
        }
        return commands
    }

    /// No deadline and no execution time is below zero or above a day.
    static func clamped(_ time: Nanoseconds) -> Int64 { min(max(time.rawValue, 0), 86_400_000_000_000) }

    func runningJob(_ id: JobID, _ lane: Int) -> Int? {
        inFlight.firstIndex { $0.id == id && $0.lane == lane && $0.leader == nil }
    }

    mutating func overrun(_ job: Job) {
        guard case .queue(let limit) = specifications[job.id.task].overrun else {
            return tell(job, .skipped, .previousJobInFlight)
        }
        if waiting.filter({ $0.id.task == job.id.task }).count == limit { return tell(job, .skipped, .queueFull) }
        if !has(.forgetsQueued) { waiting.append(job) }
        commands.append(.queued(job.id))
    }

    mutating func admit(_ release: Job, lane: Int?) {
        var job = release
        let task = job.id.task
        if drops(task) && job.deadline <= now { return tell(job, .dropped, .deadlinePassed) }
        guard let context = target(task) else {
            if isAlive.contains(true) {
                // A task too long for every context even without other LP jobs forgets its oldest samples.
                let candidates = isAlive.indices.filter {
                    isAlive[$0] && (options.migration || $0 == homes[task])
                }
                let fitsIdle = candidates.contains {
                    withCaution(utilisation(task), $0) < Int64(streams) * 1_000_000_000 - highPriorityUtilisation($0)
                }
                let forgets = options.forgetting && !has(.neverForgets)
                if (!fitsIdle && forgets || has(.alwaysForgets)) && !options.worstCaseExecutionTime {
                    for stage in history[task].indices {
                        let kept = history[task][stage].suffix(options.windowSize)
                        history[task][stage] = Array(kept.dropFirst())
                        costs[task][stage] = Array(costs[task][stage].suffix(options.windowSize).dropFirst())
                    }
                }
                let home = homes[task]
                let active = inFlight.filter { $0.context == home && !isHigh($0.id.task) }
                if isBatching, active.allSatisfy({ utilisation($0.id.task) == 0 }) {
                    caution[home]! = max(65_536, caution[home]! - caution[home]! / 8)
                }
                return tell(job, .rejected, .noContextFits)
            }
            return tell(job, isHigh(task) ? .failed : .rejected, .noContextAlive)
        }
        commands.append(.admitted(job.id, context: context, migrated: context != homes[task]))
        job.context = context
        let total = Int128(mret(task))
        job.due = specifications[task].afet.indices.map { stage in
            let upTo = (0...stage).reduce(Int128(0)) { $0 + Int128(mret(task, $1)) }
            let span = Int128(job.deadline - job.release)
            if has(.evenDeadlines) {
                return job.release + Int64(span) * Int64(stage + 1) / Int64(specifications[task].afet.count)
            }
            return job.release + Int64(total == 0 ? span : span * upTo / total)
        }
        inFlight.append(job)
        dispatch(context, lane: lane)
    }

    mutating func completeStage(_ index: Int, _ lane: Int, _ executionTime: Int64) {
        let job = inFlight[index]
        let task = job.id.task
        if isBatching { return completeTogether(members(of: job.id), lane, executionTime) }
        history[task][job.stage].append(executionTime)
        inFlight[index].lane = nil
        inFlight[index].stage += has(.skipsStage) && job.stage + 2 < job.due.count ? 2 : 1
        if job.stage == specifications[task].afet.count - 1 {
            end(index, .completed, now > job.deadline && !has(.callsLateOnTime) ? .late : .onTime, lane: lane)
        } else if job.isCancelled {
            end(index, .dropped, .cancelled, lane: lane)
        } else if drops(task) && job.deadline <= now {
            end(index, .dropped, .deadlinePassed, lane: lane)
        } else {
            inFlight[index].predecessorWasLate = now > job.due[job.stage]
        }
        dispatch(job.context, lane: lane)
    }

    /// Starts what is ready on the idle lanes of a context: the given lane first, then the lowest.
    mutating func dispatch(_ context: Int, lane: Int?) {
        while isAlive[context], let next = ready(context).first {
            let idle = (context * streams..<(context + 1) * streams).filter { lane in
                !inFlight.contains { $0.lane == lane }
            }
            guard let lowest = idle.first else { return }
            var chosen = lane.flatMap { idle.contains($0) ? $0 : nil } ?? lowest
            if has(.startsOnBusyLane) { chosen = context * streams }
            if has(.startsElsewhere) { chosen = (chosen + streams) % configuration.partition.lanes }
            let index = inFlight.firstIndex { $0.id == next.id }!
            inFlight[index].lane = chosen
            dispatchTimes[chosen] = now
            let others = isBatching ? gather(index, chosen) : []
            commands.append(.dispatch(Dispatch(stage: next.stage, lane: chosen, job: next.id, with: others)))
            if has(.startsStageTwice), let other = idle.first(where: { $0 != chosen }) {
                commands.append(.dispatch(job: next.id, stage: next.stage, lane: other))
            }
        }
    }

    mutating func tell(_ job: Job, _ fate: JobFate, _ reason: FateReason) {
        commands.append(
            .finished(
                JobOutcome(
                    job: job.id, fate: fate, reason: reason, priority: specifications[job.id.task].priority,
                    release: Nanoseconds(job.release), deadline: Nanoseconds(job.deadline), finish: Nanoseconds(now))))
    }

    mutating func end(_ index: Int, _ fate: JobFate, _ reason: FateReason, lane: Int?) {
        let task = inFlight[index].id.task
        conclude(index, fate, reason)
        startWaiting(task, lane: lane)
    }

    mutating func conclude(_ index: Int, _ fate: JobFate, _ reason: FateReason) {
        let job = inFlight.remove(at: index)
        if isBatching, !isHigh(job.id.task) {
            let before = caution[job.context]!
            if reason == .onTime { caution[job.context] = max(65_536, before - before / 4096) }
            let isLate = reason == .late || reason == .deadlinePassed
            if isLate, job.release >= cautionRaised[job.context] ?? 0 {
                caution[job.context] = min(16 * 65_536, before + before / 4)
                cautionRaised[job.context] = now
            }
        }
        if !(has(.losesJob) && fate == .completed && job.id.sequence % 4 == 3) { tell(job, fate, reason) }
        if has(.endsTwice) && job.id.sequence % 4 == 3 { tell(job, fate, reason) }
    }

    mutating func startWaiting(_ task: Int, lane: Int?) {
        while !inFlight.contains(where: { $0.id.task == task }),
            let next = waiting.firstIndex(where: { $0.id.task == task })
        {
            admit(waiting.remove(at: next), lane: lane)
        }
    }

    mutating func dropOverdue() {
        while true {
            let overdue = (inFlight.filter { $0.lane == nil } + waiting)
                .filter { drops($0.id.task) && $0.deadline <= now }
                .sorted { ($0.deadline, $0.id.task, $0.id.sequence) < ($1.deadline, $1.id.task, $1.id.sequence) }
            guard let job = overdue.first else { return }
            if let index = inFlight.firstIndex(where: { $0.id == job.id }) {
                end(index, .dropped, .deadlinePassed, lane: nil)
            } else {
                waiting.removeAll { $0.id == job.id }
                tell(job, .dropped, .deadlinePassed)
            }
        }
    }
}
