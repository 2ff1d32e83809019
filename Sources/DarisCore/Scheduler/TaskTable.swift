/// What holds for a task as long as the scheduler lives, and where its jobs start.
struct TaskState: Sendable {
    let period: Nanoseconds
    let relativeDeadline: Nanoseconds
    let priority: Priority
    let dropsLateJobs: Bool
    let queueLimit: Int

    /// Where the task was placed, at the start or when it was added; it returns there after a loss.
    fileprivate(set) var originalHome: Int
    /// Where its jobs start now; means nothing while the task is removed.
    fileprivate(set) var home: Int
    /// Whether its jobs are taken: releases of a removed task are rejected.
    fileprivate(set) var isEnabled = true
    /// uᵢ.
    fileprivate(set) var utilisation: Utilisation
    /// The sequence number of the next job.
    fileprivate(set) var released = 0

    fileprivate init(_ task: TaskSpecification, home: Int) {
        period = task.period
        relativeDeadline = task.deadline
        priority = task.priority
        dropsLateJobs = task.lateness == .drop
        queueLimit = if case .queue(let limit) = task.overrun { limit } else { 0 }
        originalHome = home
        self.home = home
        utilisation = Utilisation(executionTime: task.totalAFET, period: task.period)
    }
}

/// All tasks. The owner of their homes and utilisations.
struct TaskTable: Sendable {
    private var tasks: ContiguousArray<TaskState>

    init(_ configuration: SchedulerConfiguration) {
        tasks = ContiguousArray(zip(configuration.tasks, configuration.homes).map { TaskState($0, home: $1) })
    }

    var indices: Range<Int> { tasks.indices }
    subscript(task: Int) -> TaskState {
        @inline(__always) _read { yield tasks[task] }
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

    /// Takes a task out; `false` if it is out, or does not exist.
    mutating func remove(_ task: Int, _ ledger: inout ContextLedger) -> Bool {
        guard tasks.indices.contains(task), tasks[task].isEnabled else { return false }
        tasks[task].isEnabled = false
        ledger.unreserve(tasks[task])
        return true
    }

    /// Places a task that was removed, by the off-line algorithm for one task. What was measured of it still holds. With every
    /// context lost it waits for the first to come back.
    mutating func add(_ task: Int, _ ledger: inout ContextLedger) {
        guard tasks.indices.contains(task), !tasks[task].isEnabled else { return }
        if let home = place([task], on: ledger)?[0] {
            tasks[task].home = home
            tasks[task].originalHome = home
        }
        tasks[task].isEnabled = true
        ledger.reserve(tasks[task])
    }

    /// Moves the tasks of lost contexts to those that are left, by the off-line algorithm.
    mutating func rehome(_ ledger: inout ContextLedger) {
        let homeless = tasks.indices.filter { tasks[$0].isEnabled && !ledger[tasks[$0].home].isAlive }
        guard !homeless.isEmpty, let homes = place(homeless, on: ledger) else { return }
        for (task, home) in zip(homeless, homes) { move(task, to: home, &ledger) }
    }

    /// Moves the tasks of a context that is back to it, and those of lost contexts that have found none.
    mutating func restore(_ context: Int, _ ledger: inout ContextLedger) {
        for task in tasks.indices where tasks[task].isEnabled && tasks[task].originalHome == context {
            move(task, to: context, &ledger)
        }
        rehome(&ledger)
    }

    private mutating func move(_ task: Int, to home: Int, _ ledger: inout ContextLedger) {
        ledger.unreserve(tasks[task])
        tasks[task].home = home
        ledger.reserve(tasks[task])
    }

    /// The home of each of some tasks by the off-line algorithm, among the contexts that are alive; `nil` if none is.
    private func place(_ some: [Int], on ledger: ContextLedger) -> [Int]? {
        let alive = ledger.indices.filter { ledger[$0].isAlive }
        guard !alive.isEmpty else { return nil }
        var load = [Utilisation](repeating: .zero, count: ledger.indices.count)
        for task in tasks where task.isEnabled { load[task.home] += task.utilisation }
        return Placement.place(some.map { (tasks[$0].priority, tasks[$0].utilisation) }, on: alive, load: load)
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
