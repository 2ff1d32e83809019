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
        guard let first = queues[queue].popFirst()?.job else { return nil }
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
    private func bound(
        of job: Int, at now: Nanoseconds, _ jobs: borrowing JobTable, _ times: borrowing ExecutionTimes
    ) -> Nanoseconds {
        let (task, due) = (jobs[job].task, jobs.virtualDeadline(job))
        let end = now + times.mret(task, jobs[job].stage)
        if end <= due { return due }
        let rest = jobs.stagesLeft(job).dropFirst().reduce(Nanoseconds.zero) { $0 + times.mret(task, $1) }
        let latest = jobs[job].deadline - rest
        return end <= latest ? latest : .distantFuture
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
            bounds.append(isExcluded ? .zero - .distantFuture : bound(of: candidate.job, at: now, jobs, times))
        }
        let limit = bound(of: leader, at: now, jobs, times)
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
