/// What holds for a task as long as the scheduler lives, and where its jobs start.
struct TaskState: Sendable {
    let period: Nanoseconds
    let relativeDeadline: Nanoseconds
    let priority: Priority
    let dropsLateJobs: Bool
    let queueLimit: Int

    /// Whether its jobs are taken: releases of a removed task are rejected.
    fileprivate(set) var isEnabled = true
    /// uᵢ.
    fileprivate(set) var utilisation: Utilisation
    /// The sequence number of the next job.
    fileprivate(set) var released = 0

    fileprivate init(_ task: TaskSpecification) {
        period = task.period
        relativeDeadline = task.deadline
        priority = task.priority
        dropsLateJobs = task.lateness == .drop
        queueLimit = if case .queue(let limit) = task.overrun { limit } else { 0 }
        utilisation = Utilisation(executionTime: task.totalAFET, period: task.period)
    }
}

/// All tasks and where their jobs start. The owner of homes and utilisations.
struct TaskTable: Sendable {
    /// Where the jobs of an instance of a task start.
    private struct Home: Sendable {
        /// Now; means nothing while the task is removed.
        var context: Int
        /// Where the instance was placed, at the start or when its task was added; it returns there after a loss.
        var original: Int
    }

    private var tasks: ContiguousArray<TaskState>
    /// By instance of all tasks.
    private var homes: ContiguousArray<Home>
    /// By task: its instances among those of all tasks.
    private var ranges: ContiguousArray<Range<Int>>
    /// By task: as many instances as a task in its place may have.
    private let rooms: ContiguousArray<Range<Int>>

    init(_ configuration: SchedulerConfiguration) {
        tasks = ContiguousArray(configuration.tasks.map { TaskState($0) })
        homes = ContiguousArray(configuration.homes.map { Home(context: $0, original: $0) })
        ranges = ContiguousArray(configuration.instances)
        rooms = ranges
    }

    var indices: Range<Int> { tasks.indices }
    subscript(task: Int) -> TaskState {
        @inline(__always) _read { yield tasks[task] }
    }

    /// The instances of a task among those of all tasks.
    @inline(__always)
    func instances(of task: Int) -> Range<Int> { ranges[task] }
    /// The most instances that a task may have in the place of another.
    func room(of task: Int) -> Int { rooms[task].count }
    /// Where the jobs of an instance start.
    @inline(__always)
    func home(_ instance: Int) -> Int { homes[instance].context }

    /// The instance that takes the next job of a task: of those that are free the one whose home has the least work, the first
    /// of equals; the first of all if none is free. If jobs of the task are tested, homes that admit one go before those
    /// that do not. O(instances).
    func freeInstance(
        of task: Int, isTested: Bool, _ jobs: borrowing JobTable, _ ledger: borrowing ContextLedger
    ) -> Int {
        if ranges[task].count == 1 { return ranges[task].lowerBound }
        var (best, least, bestFits) = (ranges[task].lowerBound, Nanoseconds.distantFuture, false)
        for job in ranges[task] where !jobs[job].isInFlight {
            let work = ledger[home(job)].work
            let fits = !isTested || ledger.admits(tasks[task], on: home(job))
            if fits == bestFits ? work < least : fits { (best, least, bestFits) = (job, work, fits) }
        }
        return best
    }

    /// Gives a release of a task its number.
    @inline(__always)
    mutating func release(_ task: Int, at time: Nanoseconds, relativeDeadline: Nanoseconds?) -> Release {
        defer { tasks[task].released += 1 }
        return Release(
            sequence: tasks[task].released, time: time,
            relativeDeadline: SchedulerConfiguration.clamped(relativeDeadline ?? tasks[task].relativeDeadline))
    }

    /// Has uᵢ follow the execution time of a task; returns by how much it changed.
    @inline(__always)
    mutating func update(_ task: Int, executionTime: Nanoseconds) -> Utilisation {
        let before = tasks[task].utilisation
        tasks[task].utilisation = Utilisation(executionTime: executionTime, period: tasks[task].period)
        return tasks[task].utilisation - before
    }

    // MARK: - Homes

    /// Counts the utilisation of all tasks on their homes.
    func reserve(in ledger: inout ContextLedger) { for task in tasks.indices { reserve(task, in: &ledger) } }

    private func reserve(_ task: Int, in ledger: inout ContextLedger) {
        for instance in ranges[task] { ledger.reserve(tasks[task], on: homes[instance].context) }
    }

    /// Takes a task out; `false` if it is out, or does not exist.
    mutating func remove(_ task: Int, _ ledger: inout ContextLedger) -> Bool {
        guard tasks.indices.contains(task), tasks[task].isEnabled else { return false }
        tasks[task].isEnabled = false
        for instance in ranges[task] { ledger.unreserve(tasks[task], from: homes[instance].context) }
        return true
    }

    /// Places a task that was removed, by the off-line algorithm for one task. What was measured of it still holds. With every
    /// context lost it waits for the first to come back.
    mutating func add(_ task: Int, _ ledger: inout ContextLedger) {
        guard tasks.indices.contains(task), !tasks[task].isEnabled else { return }
        if let contexts = place(ranges[task].map { (task, $0) }, on: ledger) {
            for (instance, context) in zip(ranges[task], contexts) {
                homes[instance] = Home(context: context, original: context)
            }
        }
        tasks[task].isEnabled = true
        reserve(task, in: &ledger)
    }

    /// Puts another task in the place of a removed one. It is out until it is added; the numbers of jobs go on.
    mutating func replace(_ task: Int, with specification: TaskSpecification) {
        let released = tasks[task].released
        tasks[task] = TaskState(specification)
        tasks[task].isEnabled = false
        tasks[task].released = released
        ranges[task] = rooms[task].prefix(specification.instances)
    }

    /// Moves the instances of lost contexts to those that are left, by the off-line algorithm.
    mutating func rehome(_ ledger: inout ContextLedger) {
        let homeless = enabledInstances { !ledger[homes[$0].context].isAlive }
        guard !homeless.isEmpty, let contexts = place(homeless, on: ledger) else { return }
        for ((task, instance), context) in zip(homeless, contexts) { move(instance, of: task, to: context, &ledger) }
    }

    /// Moves the instances of a context that is back to it, and those of lost contexts that have found none.
    mutating func restore(_ context: Int, _ ledger: inout ContextLedger) {
        for (task, instance) in enabledInstances(where: { homes[$0].original == context }) {
            move(instance, of: task, to: context, &ledger)
        }
        rehome(&ledger)
    }

    private func enabledInstances(where condition: (Int) -> Bool) -> [(task: Int, instance: Int)] {
        tasks.indices.filter { tasks[$0].isEnabled }.flatMap { task in
            ranges[task].lazy.filter(condition).map { (task, $0) }
        }
    }

    /// Makes another context the home of an instance for good.
    mutating func resettle(_ instance: Int, of task: Int, to context: Int, _ ledger: inout ContextLedger) {
        move(instance, of: task, to: context, &ledger)
        homes[instance].original = context
    }

    /// By context: the utilisation of all tasks that are placed there. O(instances).
    func placedUtilisation(contexts: Int) -> ContiguousArray<Utilisation> {
        var placed = ContiguousArray(repeating: Utilisation.zero, count: contexts)
        for task in tasks.indices where tasks[task].isEnabled {
            for instance in ranges[task] { placed[homes[instance].context] += tasks[task].utilisation }
        }
        return placed
    }

    private mutating func move(_ instance: Int, of task: Int, to context: Int, _ ledger: inout ContextLedger) {
        ledger.unreserve(tasks[task], from: homes[instance].context)
        homes[instance].context = context
        ledger.reserve(tasks[task], on: context)
    }

    /// The home of each of some instances by the off-line algorithm, among the contexts that are alive; `nil` if none is.
    private func place(_ some: [(task: Int, instance: Int)], on ledger: ContextLedger) -> [Int]? {
        let alive = ledger.indices.filter { ledger[$0].isAlive }
        guard !alive.isEmpty else { return nil }
        var load = [Utilisation](repeating: .zero, count: ledger.indices.count)
        for (task, instance) in enabledInstances(where: { _ in true }) {
            load[homes[instance].context] += tasks[task].utilisation
        }
        return Placement.place(
            some.map { (tasks[$0.task].priority, tasks[$0.task].utilisation) }, on: alive, load: load)
    }

    /// Whether utilisations follow execution times, in words if not.
    func violation(_ times: ExecutionTimes) -> String? {
        for index in tasks.indices {
            let expected = Utilisation(executionTime: times.cost(index), period: tasks[index].period)
            if expected != tasks[index].utilisation {
                return "the utilisation of task \(index) does not follow its execution times"
            }
        }
        return nil
    }
}
