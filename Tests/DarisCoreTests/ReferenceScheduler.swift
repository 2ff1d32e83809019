@testable import DarisCore

/// The scheduler of the design, section 2, as plainly as it can be said: no state but the facts, everything else worked
/// out from scratch at every decision. Slow on purpose; it shares no rule with `Scheduler`, only its event and command
/// types.
///
/// It asks for no `wake`: when to wake is a matter of how timers are kept, and the property test checks it by itself.
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
    }

    let configuration: SchedulerConfiguration
    var now: Int64 = 0
    var released: [Int]
    var inFlight: [Job] = []
    var waiting: [Job] = []
    /// Every execution time ever measured, by task and stage.
    var history: [[[Int64]]]
    var originalHomes: [Int]
    var homes: [Int]
    var isIn: [Bool]
    var isAlive: [Bool]
    var commands: [Command] = []

    var options: SchedulerOptions { configuration.options }
    var streams: Int { configuration.partition.streams }
    var specifications: [TaskSpecification] { configuration.tasks }

    init(_ configuration: SchedulerConfiguration) {
        self.configuration = configuration
        released = configuration.tasks.map { _ in 0 }
        history = configuration.tasks.map { task in task.afet.map { _ in [] } }
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
        let samples = history[task][stage]
        if samples.isEmpty { return specifications[task].afet[stage].rawValue }
        return (options.worstCaseExecutionTime ? samples : Array(samples.suffix(options.windowSize))).max()!
    }

    func mret(_ task: Int) -> Int64 { specifications[task].afet.indices.reduce(0) { $0 + mret(task, $1) } }

    /// Billionths of a lane, rounded down, at most 1000 lanes.
    func utilisation(_ task: Int) -> Int64 {
        Int64(min(Int128(mret(task)) * 1_000_000_000 / Int128(specifications[task].period.rawValue), 1_000_000_000_000))
    }

    func isHigh(_ task: Int) -> Bool { specifications[task].priority == .high }
    func drops(_ task: Int) -> Bool { specifications[task].lateness == .drop }

    func highPriorityUtilisation(_ context: Int) -> Int64 {
        homes.indices.filter { isIn[$0] && homes[$0] == context && isHigh($0) }.reduce(0) { $0 + utilisation($1) }
    }

    func activeUtilisation(_ context: Int) -> Int64 {
        inFlight.filter { $0.context == context && !isHigh($0.id.task) }.reduce(0) { $0 + utilisation($1.id.task) }
    }

    func fits(_ task: Int, _ context: Int) -> Bool {
        isAlive[context]
            && utilisation(task) + activeUtilisation(context)
                < Int64(streams) * 1_000_000_000 - highPriorityUtilisation(context)
    }

    func predictedFinish(_ task: Int, _ context: Int) -> Int64 {
        var work: Int64 = 0
        for job in inFlight where job.context == context {
            for stage in job.stage..<specifications[job.id.task].afet.count { work += mret(job.id.task, stage) }
        }
        return work / Int64(streams) + mret(task)
    }

    /// Where a job of the task would go now.
    func target(_ task: Int) -> Int? {
        let home = homes[task]
        if isHigh(task) || options.policy != .daris || !options.admission { return isAlive[home] ? home : nil }
        if fits(task, home) { return home }
        if !options.migration { return nil }
        return isAlive.indices.filter { $0 != home && fits(task, $0) }
            .map { (predictedFinish(task, $0), activeUtilisation($0), $0) }
            .sorted(by: <).first?.2
    }

    /// A job's place in the order: lower goes first.
    func rank(_ job: Job) -> [Int64] {
        let task = job.id.task
        let last = options.lastStageLevel && job.stage == specifications[task].afet.count - 1
        let late = options.lateLevel && job.predecessorWasLate
        var level = [last && late, last && !late, !last && late, !last && !late].firstIndex(of: true)!
        if !isHigh(task) { level += 4 }
        switch options.policy {
        case .daris:
            return [options.fixedPriority ? Int64(level) : 0, job.due[job.stage], job.release, Int64(task)]
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
            if !isIn[task] {
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
            end(index, .failed, .stageFailed, lane: lane)
            dispatch(lane / streams, lane: lane)
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

    func runningJob(_ id: JobID, _ lane: Int) -> Int? { inFlight.firstIndex { $0.id == id && $0.lane == lane } }

    mutating func overrun(_ job: Job) {
        guard case .queue(let limit) = specifications[job.id.task].overrun else {
            return tell(job, .skipped, .previousJobInFlight)
        }
        if waiting.filter({ $0.id.task == job.id.task }).count == limit { return tell(job, .skipped, .queueFull) }
        waiting.append(job)
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
                    utilisation(task) < Int64(streams) * 1_000_000_000 - highPriorityUtilisation($0)
                }
                if !fitsIdle && !options.worstCaseExecutionTime {
                    for stage in history[task].indices {
                        let kept = history[task][stage].suffix(options.windowSize)
                        history[task][stage] = Array(kept.dropFirst())
                    }
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
            return job.release + Int64(total == 0 ? span : span * upTo / total)
        }
        inFlight.append(job)
        dispatch(context, lane: lane)
    }

    mutating func completeStage(_ index: Int, _ lane: Int, _ executionTime: Int64) {
        let job = inFlight[index]
        let task = job.id.task
        history[task][job.stage].append(executionTime)
        inFlight[index].lane = nil
        inFlight[index].stage += 1
        if job.stage == specifications[task].afet.count - 1 {
            end(index, .completed, now > job.deadline ? .late : .onTime, lane: lane)
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
            let chosen = lane.flatMap { idle.contains($0) ? $0 : nil } ?? lowest
            let index = inFlight.firstIndex { $0.id == next.id }!
            inFlight[index].lane = chosen
            commands.append(.dispatch(job: next.id, stage: next.stage, lane: chosen))
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
        let job = inFlight.remove(at: index)
        tell(job, fate, reason)
        while !inFlight.contains(where: { $0.id.task == job.id.task }),
            let next = waiting.firstIndex(where: { $0.id.task == job.id.task })
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

    mutating func lose(_ context: Int) {
        guard isAlive.indices.contains(context), isAlive[context] else { return }
        isAlive[context] = false
        placeHomeless()
        let onLanes = inFlight.filter { $0.context == context && $0.lane != nil }.sorted { $0.lane! < $1.lane! }
        for job in onLanes + ready(context) {
            end(inFlight.firstIndex { $0.id == job.id }!, .failed, .contextLost, lane: nil)
        }
    }

    mutating func restore(_ context: Int) {
        guard isAlive.indices.contains(context), !isAlive[context] else { return }
        isAlive[context] = true
        for task in homes.indices where isIn[task] && originalHomes[task] == context { homes[task] = context }
        placeHomeless()
    }

    mutating func placeHomeless() {
        guard isAlive.contains(true) else { return }
        place(homes.indices.filter { isIn[$0] && !isAlive[homes[$0]] })
    }

    mutating func remove(_ task: Int) {
        guard isIn.indices.contains(task), isIn[task] else { return }
        isIn[task] = false
        for job in waiting where job.id.task == task { tell(job, .dropped, .taskRemoved) }
        waiting.removeAll { $0.id.task == task }
    }

    mutating func add(_ task: Int) {
        guard isIn.indices.contains(task), !isIn[task] else { return }
        if isAlive.contains(true) {
            place([task])
            originalHomes[task] = homes[task]
        }
        isIn[task] = true
    }
}
