/// What admission reads of each context. The owner of all its sums.
struct ContextLedger: Sendable {
    private var contexts: ContiguousArray<Admission.Context>
    private let streams: Int

    init(_ partition: Partition) {
        contexts = ContiguousArray(repeating: Admission.Context(), count: partition.contexts)
        streams = partition.streams
    }

    var indices: Range<Int> { contexts.indices }
    var hasContext: Bool { contexts.contains(where: \.isAlive) }
    subscript(context: Int) -> Admission.Context {
        @inline(__always) _read { yield contexts[context] }
    }

    // MARK: - The test

    /// Where an LP job goes: its home if that admits it, else, with migration, the one that will have finished it first.
    @inline(__always)
    func target(_ task: TaskState, executionTime: Nanoseconds, migration: Bool) -> Int? {
        if contexts[task.home].admits(task.utilisation, streams: streams) { return task.home }
        guard migration else { return nil }
        return Admission.migrationTarget(
            from: task.home, utilisation: task.utilisation, executionTime: executionTime, streams: streams,
            contexts: contexts)
    }

    /// Whether a job of an LP task would be admitted if no other LP job were in flight.
    func couldAdmit(_ task: TaskState, migration: Bool) -> Bool {
        for context in contexts.indices where migration || context == task.home {
            var empty = contexts[context]
            empty.activeLowPriority = .zero
            if empty.admits(task.utilisation, streams: streams) { return true }
        }
        return false
    }

    // MARK: - Tasks

    /// Counts the utilisation of a task that is placed on its home, which matters for HP.
    @inline(__always)
    mutating func reserve(_ task: TaskState) {
        if task.priority == .high { contexts[task.home].highPriority += task.utilisation }
    }

    /// Counts a task as placed on its home no more.
    @inline(__always)
    mutating func unreserve(_ task: TaskState) {
        if task.priority == .high { contexts[task.home].highPriority -= task.utilisation }
    }

    /// Takes in that the utilisation of a task changed, one of whose jobs is in flight on `active`, if any.
    @inline(__always)
    mutating func change(_ task: TaskState, by change: Utilisation, active: Int?) {
        switch task.priority {
        case .high: if task.isEnabled { contexts[task.home].highPriority += change }
        case .low: if let active { contexts[active].activeLowPriority += change }
        }
    }

    // MARK: - Jobs

    /// Counts a job of a task that is admitted to a context.
    @inline(__always)
    mutating func admit(_ task: TaskState, to context: Int, work: Nanoseconds) {
        if task.priority == .low { contexts[context].activeLowPriority += task.utilisation }
        contexts[context].work += work
    }

    /// Takes work off that is done, or will not be done.
    @inline(__always)
    mutating func settle(_ work: Nanoseconds, of context: Int) { contexts[context].work -= work }

    /// Counts a job no more that has ended.
    @inline(__always)
    mutating func retire(_ task: TaskState, from context: Int) {
        if task.priority == .low { contexts[context].activeLowPriority -= task.utilisation }
    }

    // MARK: - Contexts

    /// Marks a context as lost; `false` if it is that already, or does not exist.
    mutating func lose(_ context: Int) -> Bool {
        guard contexts.indices.contains(context), contexts[context].isAlive else { return false }
        contexts[context].isAlive = false
        return true
    }

    /// Marks a lost context as alive; `false` if it is that already, or does not exist.
    mutating func restore(_ context: Int) -> Bool {
        guard contexts.indices.contains(context), !contexts[context].isAlive else { return false }
        contexts[context].isAlive = true
        return true
    }

    // MARK: - The safety factor

    /// Takes in whether an LP job that was released at `start` ended late.
    mutating func learn(isLate: Bool, since start: Nanoseconds, now: Nanoseconds, context: Int) {
        contexts[context].caution.learn(isLate: isLate, since: start, now: now)
    }

    /// Lowers the safety factor of a context where no LP job is in flight, which would otherwise teach it.
    mutating func loosen(_ context: Int) {
        if contexts[context].activeLowPriority == .zero { contexts[context].caution.loosen() }
    }

    /// Whether the sums are those of the tasks and jobs, in words if not.
    func violation(
        _ tasks: TaskTable, _ jobs: JobTable, _ times: ExecutionTimes
    ) -> String? {
        var expected = ContextLedger(Partition(contexts: contexts.count, streams: streams, oversubscription: 1))
        for context in contexts.indices {
            expected.contexts[context].isAlive = contexts[context].isAlive
            expected.contexts[context].caution = contexts[context].caution
        }
        for task in tasks.indices where tasks[task].isEnabled { expected.reserve(tasks[task]) }
        for job in jobs.indices where jobs[job].isInFlight {
            let task = jobs[job].task
            let work = jobs.stagesLeft(job).reduce(Nanoseconds.zero) { $0 + times.cost(task, $1) }
            expected.admit(tasks[task], to: jobs[job].context, work: work)
        }
        for index in contexts.indices where contexts[index] != expected[index] {
            return "context \(index) is \(contexts[index]), but its tasks add up to \(expected[index])"
        }
        for task in tasks.indices where hasContext && tasks[task].isEnabled && !contexts[tasks[task].home].isAlive {
            return "task \(task) has its home on a lost context, though others are left"
        }
        return nil
    }
}
