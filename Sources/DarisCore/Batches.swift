/// What the scheduler keeps for dynamic batching: which jobs could run together, which do, and how long batches take.
///
/// All of it is empty while batching is off.
struct Batches: Sendable {
    /// A ready stage that could run with others.
    struct Candidate: Sendable {
        /// Its place in the order of its context.
        let entry: ReadyQueue.Entry
        /// Its MRET: how long it would take by itself.
        let mret: Nanoseconds
        /// When it must end for its job to be in time by the MRET of the stages to come.
        let latestEnd: Nanoseconds

        /// Until when a batch with it may last. Its virtual deadline counts, if it could still meet that by itself; else
        /// the last moment at which its job can be in time; and if that is lost too, it has nothing to lose by company.
        func bound(at now: Nanoseconds) -> Nanoseconds {
            if now + mret <= entry.virtualDeadline { return entry.virtualDeadline }
            return now + mret <= latestEnd ? latestEnd : .distantFuture
        }
    }

    /// A size of batch of a group and the first of its windows, one a stage.
    private struct Size: Sendable {
        let jobs: Int
        let firstWindow: Int
    }

    /// Whether any jobs may ever run together.
    let isOn: Bool
    /// By task: its group, or -1.
    private let groups: ContiguousArray<Int>
    /// By group: its sizes, the largest first, and the place of its first stage among the stages of all groups.
    private let sizes: ContiguousArray<ContiguousArray<Size>>
    private let firstSlot: ContiguousArray<Int>
    private let slots: Int
    /// By group: the sizes that batches have when the device is full, as far as can be foreseen.
    private let fullSizes: ContiguousArray<ContiguousArray<Size>>
    /// By context, group and stage: the ready stages that may run together, in the order of the ready queue.
    private var ready: ContiguousArray<ContiguousArray<Candidate>>
    /// By task: the next job of the batch that its job runs in, or -1.
    private var next: ContiguousArray<Int>
    /// By task: whether a batch with the current stage of its job has failed.
    private var runsAlone: ContiguousArray<Bool>
    /// Execution times of batches by group, size and stage: the maximum of the last w_s.
    private var times: ExecutionTimeWindows
    /// Time of a lane that the stages of each task took, with a margin: in a batch of n a job's is 1/n of it.
    private(set) var costs: ExecutionTimeWindows
    /// By lane: when its stage was dispatched.
    private var dispatchTimes: ContiguousArray<Nanoseconds>
    /// By task: the sum of `costs` over its stages.
    private(set) var taskCosts: ContiguousArray<Nanoseconds>

    init(_ configuration: SchedulerConfiguration) {
        let options = configuration.options
        let configured = configuration.batchGroups ?? []
        isOn = options.largestBatch > 1 && !configured.isEmpty
        let tasks = isOn ? configuration.tasks : []
        var (sizes, firstSlot) = (ContiguousArray<ContiguousArray<Size>>(), ContiguousArray<Int>())
        var (slots, windows) = (0, ContiguousArray<Nanoseconds>())
        for group in isOn ? configured : [] {
            var ofGroup = ContiguousArray<Size>()
            for size in group.sizes.reversed() where size.jobs <= options.largestBatch {
                ofGroup.append(Size(jobs: size.jobs, firstWindow: windows.count))
                windows.append(contentsOf: size.afet)
            }
            sizes.append(ofGroup)
            firstSlot.append(slots)
            slots += group.sizes.first?.afet.count ?? 0
        }
        self.sizes = sizes
        self.firstSlot = firstSlot
        self.slots = slots
        let members = tasks.reduce(into: [:]) { counts, task in counts[task.batchGroup, default: 0] += 1 }
        fullSizes = ContiguousArray(
            sizes.enumerated().map { group, sizes in
                let inContext = (members[group] ?? 0) / configuration.partition.contexts
                let most = min((sizes.first?.jobs ?? 0) / Self.fullShare, inContext / Self.tasksPerJob)
                return sizes.filter { $0.jobs <= most }
            })
        groups = ContiguousArray(tasks.map { task in task.batchGroup.flatMap { sizes[$0].isEmpty ? nil : $0 } ?? -1 })
        ready = ContiguousArray(repeating: [], count: configuration.partition.contexts * slots)
        next = ContiguousArray(repeating: -1, count: tasks.count)
        runsAlone = ContiguousArray(repeating: false, count: tasks.count)
        times = ExecutionTimeWindows(
            afet: windows, size: options.windowSize, keepsAllTimeMaximum: options.worstCaseExecutionTime)
        dispatchTimes = ContiguousArray(repeating: .zero, count: isOn ? configuration.partition.lanes : 0)
        costs = ExecutionTimeWindows(
            afet: tasks.lazy.flatMap(\.afet), size: options.windowSize,
            keepsAllTimeMaximum: options.worstCaseExecutionTime, statistic: .meanWithMargin)
        taskCosts = ContiguousArray(tasks.map(\.totalAFET))
    }

    // MARK: - Jobs that could run together

    /// Takes note of a ready stage. O(k) in the k stages it could run with.
    mutating func insert(_ candidate: Candidate, stage: Int, context: Int) {
        guard let slot = slot(of: candidate.entry.task, stage: stage, context: context) else { return }
        var (low, high) = (0, ready[slot].count)
        while low < high {
            let middle = (low + high) / 2
            if ready[slot][middle].entry < candidate.entry { low = middle + 1 } else { high = middle }
        }
        ready[slot].insert(candidate, at: low)
    }

    /// Takes out a stage that is ready no more; `nil` if it could not run with others. O(k).
    @discardableResult
    mutating func remove(task: Int, stage: Int, context: Int) -> Candidate? {
        guard let slot = slot(of: task, stage: stage, context: context),
            let place = ready[slot].firstIndex(where: { $0.entry.task == task })
        else { return nil }
        return ready[slot].remove(at: place)
    }

    private func slot(of task: Int, stage: Int, context: Int) -> Int? {
        let group = groups[task]
        guard group >= 0, !runsAlone[task] else { return nil }
        return context * slots + firstSlot[group] + stage
    }

    /// Whether a task is among those that could run with others; `nil` if it never is at this stage.
    func isListed(_ task: Int, stage: Int, context: Int) -> Bool? {
        slot(of: task, stage: stage, context: context).map { slot in ready[slot].contains { $0.entry.task == task } }
    }

    // MARK: - The rule

    /// How many jobs run together when a stage goes to a lane, and when they will end: the largest measured size at which
    /// the stage and as many others as that takes, all of one group and stage and ready on one context, end within their
    /// bounds; 1 if there is none. The others are the first of the queue that do. O(k · sizes).
    func jobs(with leader: Candidate, stage: Int, context: Int, at now: Nanoseconds) -> (jobs: Int, end: Nanoseconds) {
        guard let slot = slot(of: leader.entry.task, stage: stage, context: context) else { return (1, now) }
        let bound = leader.bound(at: now)
        for size in sizes[groups[leader.entry.task]] where ready[slot].count >= size.jobs - 1 {
            let end = now + times[size.firstWindow + stage]
            if end > bound { continue }
            var others = 0
            for candidate in ready[slot] where candidate.bound(at: now) >= end {
                others += 1
                if others == size.jobs - 1 { return (size.jobs, end) }
            }
        }
        return (1, now)
    }

    /// Takes out the first stage of the queue that can run with a leader until `end`.
    mutating func popFirst(
        with leader: Int, stage: Int, context: Int, at now: Nanoseconds, until end: Nanoseconds
    ) -> Int? {
        guard let slot = slot(of: leader, stage: stage, context: context),
            let place = ready[slot].firstIndex(where: { $0.bound(at: now) >= end })
        else { return nil }
        return ready[slot].remove(at: place).entry.task
    }

    // MARK: - Jobs that do run together

    /// Puts a job at the end of a batch, after its last member so far.
    mutating func join(_ task: Int, after last: Int) { next[last] = task }

    /// The member of a batch after `task`, -1 if it is the last.
    func member(after task: Int) -> Int { next[task] }

    /// Whether other jobs run with the job of this task, which was dispatched.
    func hasMembers(_ leader: Int) -> Bool { next[leader] >= 0 }

    func size(of leader: Int) -> Int {
        var (count, member) = (1, next[leader])
        while member >= 0 { (count, member) = (count + 1, next[member]) }
        return count
    }

    /// Takes a job out of its batch, which has ended; returns the member after it, or -1.
    mutating func leave(_ task: Int) -> Int {
        defer { next[task] = -1 }
        return next[task]
    }

    /// Sets whether the current stage of a task's job must run by itself.
    mutating func setRunsAlone(_ task: Int, _ value: Bool) { runsAlone[task] = value }

    // MARK: - Times

    /// The largest size is so many times what batches surely have when the device is full: a third of it was seen on a GPU.
    private static let fullShare = 4
    /// Of so many tasks of a group on a context one has a job in a batch, at most, when the device is full: the others' are
    /// at other stages, or between two jobs.
    private static let tasksPerJob = 4

    /// What a stage costs each job of a batch that kept its lane for `time`: its share, or what it would be if the device
    /// were full, which is less where a batch was small because little was ready. Lanes are never left idle for the sake of
    /// larger batches, so that small ones may keep them busy at a load that leaves much room.
    func cost(_ time: Nanoseconds, of leader: Int, jobs: Int, stage: Int) -> Nanoseconds {
        var least = Nanoseconds(time.rawValue / Int64(jobs))
        guard groups[leader] >= 0 else { return least }
        for size in fullSizes[groups[leader]] {
            least = min(least, Nanoseconds(times[size.firstWindow + stage].rawValue / Int64(size.jobs)))
        }
        return least
    }

    /// Takes note of when a stage goes to a lane.
    mutating func noteDispatch(lane: Int, at now: Nanoseconds) { dispatchTimes[lane] = now }

    /// How long a lane was kept by the stage that has just ended there: what the device says it took, and what went by
    /// before it began and after it was seen to have ended.
    func occupancy(of lane: Int, executionTime: Nanoseconds, at now: Nanoseconds) -> Nanoseconds {
        max(executionTime, now - dispatchTimes[lane])
    }

    /// Takes in the execution time of a batch.
    mutating func recordTime(_ time: Nanoseconds, of leader: Int, jobs: Int, stage: Int) {
        guard let size = sizes[groups[leader]].first(where: { $0.jobs == jobs }) else { return }
        _ = times.record(time, stage: size.firstWindow + stage)
    }

    /// Takes in what a stage cost a task.
    mutating func recordCost(_ cost: Nanoseconds, of task: Int, stage: Int) {
        taskCosts[task] += costs.record(cost, stage: stage)
    }

    /// Forgets the oldest cost of a stage.
    mutating func expireOldestCost(of task: Int, stage: Int) { taskCosts[task] += costs.expireOldest(stage: stage) }

    /// The maximum recent execution time of a batch; `nil` if the task runs no batch of this size.
    func time(of task: Int, jobs: Int, stage: Int) -> Nanoseconds? {
        guard isOn, groups[task] >= 0, let size = sizes[groups[task]].first(where: { $0.jobs == jobs }) else {
            return nil
        }
        return times[size.firstWindow + stage]
    }
}
