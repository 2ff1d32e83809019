/// What admission reads of each context. The owner of all its sums.
struct ContextLedger: Sendable {
    private var contexts: ContiguousArray<Admission.Context>
    private let streams: Int

    init(_ partition: Partition, _ rules: PublishedRules = PublishedRules()) {
        var empty = Admission.Context()
        if rules.sharedAdmission { empty.ownWeight = Int64(partition.streams) }
        contexts = ContiguousArray(repeating: empty, count: partition.contexts)
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
    func target(
        _ task: TaskState, home: Int, executionTime: Nanoseconds, migration: Bool, _ forecast: Admission.Forecast?
    ) -> Int? {
        if contexts[home].admits(task.utilisation, streams: streams, forecast) { return home }
        guard migration else { return nil }
        return Admission.migrationTarget(
            from: home, utilisation: task.utilisation, executionTime: executionTime, streams: streams,
            contexts: contexts, forecast)
    }

    /// The same by the published implementation: its home, else the context to which its task moves.
    func publishedTarget(_ task: Int, home: Int, _ tasks: borrowing TaskTable, migration: Bool) -> Int? {
        let utilisation = tasks[task].utilisation
        if contexts[home].admits(utilisation, streams: streams) { return home }
        guard migration else { return nil }
        return Admission.publishedTarget(
            from: home, utilisation: utilisation, streams: streams, contexts: contexts,
            placed: tasks.placedUtilisation(contexts: contexts.count))
    }

    /// Whether a context admits a job of an LP task.
    func admits(_ task: TaskState, on context: Int) -> Bool {
        contexts[context].admits(task.utilisation, streams: streams)
    }

    /// Whether an LP task's utilisation fits on a context that its job may go to, whatever its predicted finish.
    func fits(_ task: TaskState, home: Int, migration: Bool) -> Bool {
        contexts.indices.contains {
            ($0 == home || migration) && contexts[$0].admits(task.utilisation, streams: streams)
        }
    }

    /// Whether a job of an LP task would be admitted if no other LP job were in flight, and no work.
    func couldAdmit(
        _ task: Int, _ tasks: borrowing TaskTable, migration: Bool, _ forecast: Admission.Forecast?
    ) -> Bool {
        let (utilisation, homes) = (tasks[task].utilisation, tasks.instances(of: task))
        for context in contexts.indices where migration || homes.contains(where: { tasks.home($0) == context }) {
            var empty = contexts[context]
            empty.activeLowPriority = .zero
            empty.work = .zero
            if empty.admits(utilisation, streams: streams, forecast) { return true }
        }
        return false
    }

    // MARK: - Tasks

    /// Counts the utilisation of an instance of a task that is placed on its home, which matters for HP.
    @inline(__always)
    mutating func reserve(_ task: TaskState, on home: Int) {
        if task.priority == .high { contexts[home].highPriority += task.utilisation }
    }

    /// Counts an instance of a task as placed on its home no more.
    @inline(__always)
    mutating func unreserve(_ task: TaskState, from home: Int) {
        if task.priority == .high { contexts[home].highPriority -= task.utilisation }
    }

    /// Takes in that the utilisation of a task changed: HP counts on the home of every instance, LP where jobs are in flight.
    @inline(__always)
    mutating func change(_ task: Int, by change: Utilisation, _ tasks: borrowing TaskTable, _ jobs: borrowing JobTable)
    {
        switch tasks[task].priority {
        case .high:
            guard tasks[task].isEnabled else { return }
            for instance in tasks.instances(of: task) { contexts[tasks.home(instance)].highPriority += change }
        case .low:
            for job in tasks.instances(of: task) where jobs[job].isInFlight {
                contexts[jobs[job].context].activeLowPriority += change
            }
        }
    }

    /// Takes in that a stage costs the jobs of a task more, or less: those in flight that have it before them.
    @inline(__always)
    mutating func reprice(
        _ stage: Int, of task: Int, by change: Nanoseconds, _ tasks: borrowing TaskTable, _ jobs: borrowing JobTable
    ) {
        for job in tasks.instances(of: task) where jobs[job].isInFlight && jobs[job].stage <= stage {
            contexts[jobs[job].context].work += change
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
        contexts[context].safetyFactor.learn(isLate: isLate, since: start, now: now)
    }

    /// Lowers the safety factor of a context where no LP job is in flight, which would otherwise teach it.
    mutating func lowerSafetyFactor(of context: Int) {
        if contexts[context].activeLowPriority == .zero { contexts[context].safetyFactor.lower() }
    }

    /// Whether the sums are those of the tasks and jobs, in words if not.
    func violation(
        _ tasks: TaskTable, _ jobs: JobTable, _ times: ExecutionTimes
    ) -> String? {
        var expected = ContextLedger(Partition(contexts: contexts.count, streams: streams, oversubscription: 1))
        for context in contexts.indices {
            expected.contexts[context].isAlive = contexts[context].isAlive
            expected.contexts[context].safetyFactor = contexts[context].safetyFactor
            expected.contexts[context].ownWeight = contexts[context].ownWeight
        }
        for task in tasks.indices where tasks[task].isEnabled {
            for instance in tasks.instances(of: task) { expected.reserve(tasks[task], on: tasks.home(instance)) }
        }
        for job in jobs.indices where jobs[job].isInFlight {
            let task = jobs[job].task
            let work = jobs.stagesLeft(job).reduce(Nanoseconds.zero) { $0 + times.cost(task, $1) }
            expected.admit(tasks[task], to: jobs[job].context, work: work)
        }
        for index in contexts.indices where contexts[index] != expected[index] {
            return "context \(index) is \(contexts[index]), but its tasks add up to \(expected[index])"
        }
        for task in tasks.indices where hasContext && tasks[task].isEnabled {
            for instance in tasks.instances(of: task) where !contexts[tasks.home(instance)].isAlive {
                return "task \(task) has a home on a lost context, though others are left"
            }
        }
        return nil
    }
}
