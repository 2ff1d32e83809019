/// The ready stages of every context in the order in which they go to lanes, and which of them could run together. The owner
/// of both.
struct ReadyQueues: Sendable {
    /// Some of the stages that wait on a context.
    enum Part { case all, high, low }

    private let options: SchedulerOptions
    private let lateBeforeLast: Bool
    /// Whether HP and LP stages wait apart, as they must where they may start on different lanes.
    private let isSplit: Bool
    /// By context; where HP and LP wait apart, first the HP and then the LP stages of each.
    private var queues: ContiguousArray<ReadyQueue>
    /// By list (`BatchTimes.list`): the candidates, in the order of the queue.
    private var candidates: ContiguousArray<ContiguousArray<ReadyQueue.Entry>>
    /// Of the candidates of one list: until when a batch with each may last.
    private var bounds: ContiguousArray<Nanoseconds> = []
    /// The jobs that run their stages with the one that `next` took out last.
    private(set) var companions: ContiguousArray<Int> = []
    /// By job: whether it is being taken out of its queue.
    private var isTaken: ContiguousArray<Bool>
    /// Lists of candidates of one context; 0 where nothing is batched.
    private let listsPerContext: Int
    private let ripestFirst: Bool
    private let boundsOfBatches: Bool

    init(_ configuration: SchedulerConfiguration, lists: Int) {
        options = configuration.options
        lateBeforeLast = options.published.lateBeforeLast
        isSplit = configuration.partition.express > 0
        let jobs = configuration.homes.count
        queues = ContiguousArray(
            (0..<configuration.partition.contexts * (isSplit ? 2 : 1)).map { _ in
                ReadyQueue(capacity: min(jobs, 1024))
            })
        candidates = ContiguousArray(repeating: [], count: lists)
        isTaken = ContiguousArray(repeating: false, count: lists > 0 ? jobs : 0)
        listsPerContext = lists / configuration.partition.contexts
        ripestFirst = lists > 0 && options.follows(.ripest)
        boundsOfBatches = options.follows(.bounds)
    }

    /// How many stages wait on a context.
    func count(on context: Int) -> Int {
        isSplit ? queues[2 * context].count + queues[2 * context + 1].count : queues[context].count
    }

    /// Whether HP and LP stages wait on a context; where they wait together, whether any does.
    @inline(__always)
    func waiting(on context: Int) -> (high: Bool, low: Bool) {
        isSplit
            ? (!queues[2 * context].isEmpty, !queues[2 * context + 1].isEmpty)
            : (!queues[context].isEmpty, !queues[context].isEmpty)
    }

    /// Where a stage of a level waits.
    @inline(__always)
    private func queue(of context: Int, level: UInt8) -> Int {
        isSplit ? 2 * context + (Self.isHigh(level) ? 0 : 1) : context
    }

    /// Whether a level is one of HP's, where priorities are fixed.
    @inline(__always)
    private static func isHigh(_ level: UInt8) -> Bool { level < ReadyQueue.level(.low, isLast: true, isLate: true) }

    /// The place of a job's current stage in the order of its context.
    @inline(__always)
    private func entry(_ index: Int, _ jobs: borrowing JobTable, _ tasks: borrowing TaskTable) -> ReadyQueue.Entry {
        let job = jobs[index]
        let (level, due): (UInt8, Nanoseconds) =
            switch options.policy {
            case .daris where options.fixedPriority:
                (
                    ReadyQueue.level(
                        tasks[job.task].priority, isLast: options.lastStageLevel && jobs.isAtLastStage(index),
                        isLate: options.lateLevel && job.predecessorWasLate,
                        lateBeforeLast: lateBeforeLast),
                    jobs.virtualDeadline(index)
                )
            case .daris: (0, jobs.virtualDeadline(index))
            case .edf: (0, job.deadline)
            case .fifo: (0, job.release)
            }
        return ReadyQueue.Entry(level: level, virtualDeadline: due, release: job.release, job: index)
    }

    /// Adds the current stage of a job. O(log n), and O(k) in the k stages that it could run with.
    @inline(__always)
    mutating func insert(
        _ job: Int, _ jobs: borrowing JobTable, _ tasks: borrowing TaskTable, _ batches: borrowing BatchTimes
    ) {
        let entry = entry(job, jobs, tasks)
        queues[queue(of: jobs[job].context, level: entry.level)].insert(entry)
        if let list = batches.list(for: jobs[job]) { add(entry, to: list) }
    }

    /// Takes out the stage of a context that goes first, of those that an opening is for, and those that run with it, which are
    /// in `companions` then.
    @inline(__always)
    mutating func next(
        on context: Int, for opening: Lanes.Opening, at now: Nanoseconds, _ jobs: borrowing JobTable,
        _ times: borrowing ExecutionTimes, _ batches: borrowing BatchTimes
    ) -> Int? {
        if !companions.isEmpty { companions.removeAll(keepingCapacity: true) }
        let queue =
            switch opening.leaders {
            case .all: context
            case .high: 2 * context
            case .low: 2 * context + 1
            }
        guard let entry = queues[queue].first else { return nil }
        var first = entry.job
        if ripestFirst, isUnripe(entry, jobs, batches, at: now),
            let riper = firstRipe(on: context, opening.leaders, at: now, jobs, batches)
        {
            first = riper
            queues[queue].remove(job: first)
        } else {
            _ = queues[queue].popFirst()
        }
        guard let list = batches.list(for: jobs[first]) else { return first }
        unlist(first, from: list)
        takeCompanions(of: first, among: opening.companions, in: list, at: now, jobs, times, batches)
        return first
    }

    /// Takes out the stage of a context that goes first, by itself.
    mutating func removeFirst(
        on context: Int, _ jobs: borrowing JobTable, _ batches: borrowing BatchTimes
    ) -> Int? {
        let first =
            isSplit ? queues[2 * context].popFirst() ?? queues[2 * context + 1].popFirst() : queues[context].popFirst()
        guard let first = first?.job else { return nil }
        if let list = batches.list(for: jobs[first]) { unlist(first, from: list) }
        return first
    }

    /// Takes out the stage of a job. O(n).
    mutating func remove(_ job: Int, _ jobs: borrowing JobTable, _ batches: borrowing BatchTimes) {
        if isSplit {
            queues[2 * jobs[job].context].remove(job: job)
            queues[2 * jobs[job].context + 1].remove(job: job)
        } else {
            queues[jobs[job].context].remove(job: job)
        }
        if let list = batches.list(for: jobs[job]) { unlist(job, from: list) }
    }

    /// Whether an HP job that waits on a context has used up more than half of its deadline. O(n).
    func hasLongWaitingHigh(on context: Int, at now: Nanoseconds, _ jobs: borrowing JobTable) -> Bool {
        for entry in queues[isSplit ? 2 * context : context].entries where Self.isHigh(entry.level) {
            let job = jobs[entry.job]
            if now - job.release > (job.deadline - job.release).scaled(by: 1, over: 2) { return true }
        }
        return false
    }

    // MARK: - Ripeness

    /// Whether the first stages of a list of candidates are few: fewer are ready than half of the largest batch.
    @inline(__always)
    private func areFew(_ list: Int, _ task: Int, _ batches: borrowing BatchTimes) -> Bool {
        let sizes = batches.sizes(of: task)
        guard let largest = sizes.first?.jobs else { return false }
        let possible = sizes.first { $0.jobs <= candidates[list].count }?.jobs ?? 1
        return possible * BatchingRule.ripeShare < largest
    }

    /// Whether a stage has the time of two largest batches (LP: one and a half) until its deadline.
    @inline(__always)
    private func canWait(
        _ entry: ReadyQueue.Entry, _ time: Nanoseconds, _ jobs: borrowing JobTable, at now: Nanoseconds
    ) -> Bool {
        let halves = BatchingRule.slackHalves(Self.isHigh(entry.level) ? .high : .low)
        return now < jobs[entry.job].deadline - Nanoseconds(time.rawValue * halves / 2)
    }

    /// Whether a stage should let others go first: the first of its job, one of few, and able to wait.
    @inline(__always)
    private func isUnripe(
        _ entry: ReadyQueue.Entry, _ jobs: borrowing JobTable, _ batches: borrowing BatchTimes, at now: Nanoseconds
    ) -> Bool {
        guard jobs[entry.job].stage == 0, let list = batches.list(for: jobs[entry.job]) else { return false }
        let task = jobs[entry.job].task
        return areFew(list, task, batches) && canWait(entry, batches.remaining(of: task, from: 0), jobs, at: now)
    }

    /// The first stage in order that is not unripe; `nil` if there is none. O(n).
    private func firstRipe(
        on context: Int, _ part: Part, at now: Nanoseconds, _ jobs: borrowing JobTable, _ batches: borrowing BatchTimes
    ) -> Int? {
        var best: ReadyQueue.Entry?
        func consider(_ entry: ReadyQueue.Entry) { if best.map({ entry < $0 }) ?? true { best = entry } }
        func isIn(_ entry: ReadyQueue.Entry) -> Bool { part == .all || (part == .high) == Self.isHigh(entry.level) }
        var listed = 0
        for list in context * listsPerContext..<(context + 1) * listsPerContext where !candidates[list].isEmpty {
            listed += candidates[list].count
            let first = candidates[list][0].job
            if jobs[first].stage > 0 || !areFew(list, jobs[first].task, batches) {
                if let entry = candidates[list].first(where: isIn) { consider(entry) }
                continue
            }
            let time = batches.remaining(of: jobs[first].task, from: 0)
            for entry in candidates[list] where isIn(entry) && !canWait(entry, time, jobs, at: now) {
                consider(entry)
                break
            }
        }
        guard listed < count(on: context) else { return best?.job }
        let queue = part == .all ? context : part == .high ? 2 * context : 2 * context + 1
        for entry in queues[queue].entries where batches.list(for: jobs[entry.job]) == nil { consider(entry) }
        return best?.job
    }

    // MARK: - Jobs that could run together

    private mutating func add(_ entry: ReadyQueue.Entry, to list: Int) {
        var (low, high) = (0, candidates[list].count)
        while low < high {
            let middle = (low + high) / 2
            if candidates[list][middle] < entry { low = middle + 1 } else { high = middle }
        }
        candidates[list].insert(entry, at: low)
    }

    private mutating func unlist(_ job: Int, from list: Int) {
        if let place = candidates[list].firstIndex(where: { $0.job == job }) { candidates[list].remove(at: place) }
    }

    /// Until when a batch with the current stage of a job may last: its virtual deadline if it could still meet that by itself,
    /// else the last moment at which its job can be in time, and without limit if that is lost too.
    ///
    /// With bounds of batches it is the last moment at which its job can be in time if it stays in batches of `size` jobs, and without
    /// limit if not even the smallest one would be.
    private func bound(
        of job: Int, at now: Nanoseconds, _ jobs: borrowing JobTable, _ times: borrowing ExecutionTimes,
        _ batches: borrowing BatchTimes
    ) -> Nanoseconds {
        let (task, due) = (jobs[job].task, jobs.virtualDeadline(job))
        let end = now + times.mret(task, jobs[job].stage)
        if end <= due && !boundsOfBatches { return due }
        let next = jobs[job].stage + 1
        let rest =
            boundsOfBatches
            ? batches.remaining(of: task, from: next)
            : jobs.stagesLeft(job).dropFirst().reduce(Nanoseconds.zero) { $0 + times.mret(task, $1) }
        let latest = jobs[job].deadline - rest
        return end <= latest ? max(due, latest) : .distantFuture
    }

    /// Takes out the stages that run together with a leader's: the largest measured size at which the leader and as many
    /// others as that takes end within their bounds, the first in order; none if there is no such size. They are in
    /// `companions` then. O(k · (sizes + stages)), and O(stages of the context) if there are any.
    private mutating func takeCompanions(
        of leader: Int, among part: Part, in list: Int, at now: Nanoseconds, _ jobs: borrowing JobTable,
        _ times: borrowing ExecutionTimes, _ batches: borrowing BatchTimes
    ) {
        guard !candidates[list].isEmpty else { return }
        bounds.removeAll(keepingCapacity: true)
        for candidate in candidates[list] {
            let isExcluded = part != .all && (part == .high) != Self.isHigh(candidate.level)
            bounds.append(isExcluded ? .zero - .distantFuture : bound(of: candidate.job, at: now, jobs, times, batches))
        }
        let limit = bound(of: leader, at: now, jobs, times, batches)
        for size in batches.sizes(of: jobs[leader].task) where bounds.count >= size.jobs - 1 {
            let end = now + batches[size, jobs[leader].stage]
            if end > limit { continue }
            var others = 0
            for bound in bounds where others < size.jobs - 1 && bound >= end { others += 1 }
            if others == size.jobs - 1 { return take(others, from: list, on: jobs[leader].context, until: end) }
        }
    }

    private mutating func take(_ count: Int, from list: Int, on context: Int, until end: Nanoseconds) {
        var place = 0
        while companions.count < count {
            guard bounds[place] >= end else {
                place += 1
                continue
            }
            let job = candidates[list].remove(at: place).job
            bounds.remove(at: place)
            companions.append(job)
            isTaken[job] = true
        }
        var taken: ContiguousArray<Bool> = []
        swap(&taken, &isTaken)
        for queue in isSplit ? 2 * context..<2 * context + 2 : context..<context + 1 {
            queues[queue].removeAll { taken[$0] }
        }
        for job in companions { taken[job] = false }
        swap(&taken, &isTaken)
    }

    /// Whether each ready stage waits in its one place and none waits beside an idle lane, in words if not.
    func violation(
        _ jobs: JobTable, _ tasks: TaskTable, _ lanes: Lanes, _ ledger: ContextLedger, _ batches: BatchTimes
    ) -> String? {
        var queued = 0
        for queue in queues.indices {
            let (context, entries) = (isSplit ? queue / 2 : queue, queues[queue].entries)
            queued += entries.count
            if !entries.isEmpty {
                if !ledger[context].isAlive { return "stages wait on the lost context \(context)" }
                if lanes.opening(of: context, preferring: nil, waiting(on: context)) != nil {
                    return "context \(context) has an idle lane and a ready stage that may run there"
                }
            }
            for waiting in entries {
                let job = jobs[waiting.job]
                if isSplit && Self.isHigh(waiting.level) != (tasks[job.task].priority == .high) {
                    return "a stage of \(job.id) waits among those of the other priority"
                }
                if job.phase != .ready || job.context != context || entry(waiting.job, jobs, tasks) != waiting {
                    return "a stage of \(job.id) waits on context \(context) out of place"
                }
            }
        }
        var (ready, listed) = (0, 0)
        for index in jobs.indices where jobs[index].phase == .ready {
            ready += 1
            guard let list = batches.list(for: jobs[index]) else { continue }
            listed += 1
            if !candidates[list].contains(where: { $0.job == index }) {
                return "\(jobs[index].id), which is ready, is not listed for batching"
            }
        }
        if listed != candidates.reduce(0, { $0 + $1.count }) {
            return "stages are listed for batching that are not ready"
        }
        return queued == ready ? nil : "\(ready) jobs are ready, but \(queued) stages wait in queues"
    }
}
