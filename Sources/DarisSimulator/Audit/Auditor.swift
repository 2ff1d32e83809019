import DarisCore

/// Checks a scheduler from outside: from the events that go in and the commands that come out it keeps an account of its
/// own, works out anew what the design demands, and reports the first thing that does not agree.
///
/// ```swift
/// var auditor = Auditor(configuration)
/// scheduler.handle(event, at: time, into: &commands)
/// if let violation = auditor.observe(event, at: time, commands: commands) { … }
/// …
/// if let violation = auditor.finish() { … }
/// ```
///
/// It shares no rule with the scheduler and sees nothing of its state, only events and commands. An event costs O(1), a
/// dispatch O(ready stages of its context), an admission O(stages) and a migration or rejection O(contexts); timers and
/// lost, restored, removed or added things cost O(tasks). Nothing is allocated once lists have reached their length.
///
/// It takes the homes of the configuration as given, and does not mind which of a context's idle lanes a stage goes to.
package struct Auditor: ~Copyable, Sendable {
    /// Fates of all jobs as the commands tell them.
    package private(set) var jobs = JobCounts()

    let options: SchedulerOptions
    /// What of the published implementation's rules holds.
    let published: PublishedRules
    let partition: Partition
    var tasks: ContiguousArray<AuditedTask>
    /// One for each instance of each task.
    var instances: ContiguousArray<AuditedJob>
    var contexts: ContiguousArray<AuditedContext>
    /// The job whose stage runs on each lane, or -1.
    var lanes: ContiguousArray<Int>
    /// By lane, where there are express lanes: when its stage was dispatched, and what they had taken by then.
    var starts: ContiguousArray<(time: Int64, taken: Int64)>
    var times: AuditedTimes
    var batching: AuditedBatching
    var waiting: ContiguousArray<ContiguousArray<AuditedRelease>>
    /// The tasks under `late: drop`.
    var dropping: ContiguousArray<Int>
    /// By task: as many instances as there were at the start.
    let rooms: ContiguousArray<Range<Int>>
    var now: Int64 = 0
    /// The wake that was asked for and has not come.
    var wake = Int64.max
    private var found: Violation?

    // What the present event leaves to be done; all of it must be done by its commands.

    /// Why jobs may end before their time.
    enum Cause: Sendable {
        case none
        case cancellation(JobID)
        case timer
        case contextLost(Int)
        case taskRemoved(Int)
    }
    var cause = Cause.none
    /// The task whose release is to be answered, or -1.
    var releasedTask = -1
    var pending = AuditedRelease()
    /// Jobs whose end is owed.
    var owed = 0
    /// Contexts in which a lane idles beside a ready stage.
    var stalledContexts = 0
    /// Tasks with room for a job though releases wait.
    var stalledTasks = 0
    /// Tasks under `late: drop` that may need another wake, and whether that goes for all.
    var needingWake: ContiguousArray<Int> = []
    var allNeedWake = false

    /// An auditor of a scheduler that has yet to see its first event.
    ///
    /// - Precondition: `configuration.validate()` passes.
    package init(_ configuration: SchedulerConfiguration) {
        options = configuration.options
        published = options.policy == .daris ? options.rules ?? PublishedRules() : PublishedRules()
        partition = configuration.partition
        var tasks = ContiguousArray<AuditedTask>()
        var instances = ContiguousArray<AuditedJob>()
        var contexts = ContiguousArray(
            repeating: AuditedContext(partition), count: configuration.partition.contexts)
        var stages = 0
        for task in configuration.tasks {
            let jobs = instances.count..<instances.count + task.instances
            let audited = AuditedTask(task, jobs: jobs, firstStage: stages)
            for home in configuration.homes[jobs] {
                if audited.isHigh { contexts[home].highPriority += audited.utilisation }
                var job = AuditedJob(task: tasks.count, home: home)
                job.sums = ContiguousArray(repeating: 0, count: audited.stageCount)
                instances.append(job)
            }
            tasks.append(audited)
            stages += task.afet.count
        }
        self.tasks = tasks
        self.instances = instances
        self.contexts = contexts
        lanes = ContiguousArray(repeating: -1, count: partition.laneCount)
        starts = ContiguousArray(repeating: (0, 0), count: partition.express > 0 ? partition.laneCount : 0)
        times = AuditedTimes(configuration.tasks.lazy.flatMap(\.afet), options)
        batching = AuditedBatching(configuration)
        waiting = ContiguousArray(repeating: [], count: tasks.count)
        dropping = ContiguousArray(tasks.indices.filter { tasks[$0].dropsLateJobs })
        rooms = ContiguousArray(tasks.map(\.jobs))
    }

    /// Takes in that another task has taken the place of a removed one.
    ///
    /// - Returns: the first violation of the run.
    package mutating func replace(_ task: Int, with specification: TaskSpecification) -> Violation? {
        if let found { return found }
        guard tasks.indices.contains(task), !tasks[task].isEnabled, tasks[task].inFlight == 0 else {
            found = violation(.jobFates, "task \(task) was replaced, which was not out, or had jobs in flight")
            return found
        }
        var other = AuditedTask(
            specification, jobs: rooms[task].prefix(specification.instances), firstStage: tasks[task].firstStage)
        other.isEnabled = false
        other.released = tasks[task].released
        for (stage, afet) in specification.afet.enumerated() {
            times.replace(stage: other.firstStage + stage, afet: afet.rawValue)
            if batching.isOn { batching.costs.replace(stage: other.firstStage + stage, afet: afet.rawValue) }
        }
        for job in other.jobs { instances[job].sums = ContiguousArray(repeating: 0, count: other.stageCount) }
        tasks[task] = other
        dropping = ContiguousArray(tasks.indices.filter { tasks[$0].dropsLateJobs })
        return nil
    }

    /// Takes in an event and the scheduler's answer to it.
    ///
    /// - Parameters:
    ///   - event: what the scheduler was told.
    ///   - time: the time it was told.
    ///   - commands: all that it answered, in order.
    /// - Returns: the first violation of the run; once there is one, the account no longer stands and it is returned
    ///   again.
    package mutating func observe(_ event: Event, at time: Nanoseconds, commands: CommandBuffer) -> Violation? {
        if let found { return found }
        do throws(Violation) {
            try take(event, at: time.rawValue)
            for index in commands.indices { try follow(commands[index]) }
            try settle()
        } catch {
            found = error
        }
        return found
    }

    /// Whether the account adds up at the end of a run. Jobs may still be in flight then.
    package mutating func finish() -> Violation? {
        if let found { return found }
        let inFlight = instances.reduce(0) { $0 + ($1.phase == .idle ? 0 : 1) } + waiting.reduce(0) { $0 + $1.count }
        let running = instances.reduce(0) { $0 + ($1.phase == .running ? 1 : 0) }
        let onLanes = lanes.reduce(0) { $0 + ($1 < 0 ? 0 : 1) } + batching.followers.reduce(0) { $0 + $1.count }
        if !jobs.isBalanced || jobs.inFlight != inFlight || jobs.released != tasks.reduce(0, { $0 + $1.released }) {
            found = violation(.jobFates, "the jobs do not add up: \(jobs), and \(inFlight) are in flight")
        } else if running != onLanes {
            found = violation(.stageOrder, "\(running) jobs run, but \(onLanes) are on lanes")
        } else if let task = tasks.indices.first(where: { task in
            tasks[task].inFlight != tasks[task].jobs.count { instances[$0].phase != .idle }
        }) {
            found = violation(.jobFates, "\(tasks[task].inFlight) jobs of task \(task) are not in flight")
        }
        return found
    }

    /// Compares an MRET that a scheduler reports with the maximum of the last w_s samples. Events and commands do not
    /// tell MRETs: a wrong one shows there only as a wrong admission or order, if at all.
    ///
    /// - Parameters:
    ///   - reported: the MRET of the stage after the latest event.
    ///   - task: which task.
    ///   - stage: which of its stages.
    package mutating func check(mret reported: Nanoseconds, of task: Int, stage: Int) -> Violation? {
        if let found { return found }
        let expected = times[tasks[task].firstStage + stage]
        if reported.rawValue != expected {
            found = violation(
                .executionTimes,
                "the MRET of stage \(stage) of task \(task) is said to be \(reported.rawValue) ns; it is \(expected) ns"
            )
        }
        return found
    }

    /// Compares what a scheduler reports a stage to cost its task with the maximum of the last w_s.
    package mutating func check(cost reported: Nanoseconds, of task: Int, stage: Int) -> Violation? {
        if let found { return found }
        let expected = load(of: tasks[task].firstStage + stage)
        if reported.rawValue != expected {
            found = violation(
                .executionTimes,
                "stage \(stage) of task \(task) is said to cost \(reported.rawValue) ns; it costs \(expected) ns")
        }
        return found
    }

    /// Compares the time that a scheduler reports for a batch of `jobs` jobs of the task's group with the maximum of the
    /// last w_s.
    package mutating func check(
        batchTime reported: Nanoseconds?, of task: Int, jobs: Int, stage: Int
    ) -> Violation? {
        if let found { return found }
        let expected = batching.time(of: task, jobs: jobs, stage: stage)
        if reported?.rawValue != expected {
            found = violation(
                .executionTimes,
                "the time of stage \(stage) of \(jobs) jobs of task \(task) together is said to be "
                    + "\(reported?.rawValue ?? -1) ns; it is \(expected ?? -1) ns")
        }
        return found
    }

    // MARK: - What is true after an event

    private mutating func settle() throws(Violation) {
        try require(releasedTask < 0, .jobFates, "nothing was said of \(name(releasedTask, pending))")
        try require(
            batching.goingOn.jobs.isEmpty, .batching,
            "\(names(batching.goingOn.jobs)) should go on together on lane \(batching.goingOn.lane), but were not started"
        )
        if owed > 0 { throw unpaid(instances.firstIndex { $0.phase == .ending } ?? 0) }
        if stalledTasks > 0 {
            let task = tasks.indices.first { tasks[$0].hasRoom && !waiting[$0].isEmpty } ?? -1
            throw violation(.jobFates, "a release of task \(task) waits for no job")
        }
        if stalledContexts > 0 {
            let context = contexts.firstIndex(where: \.isStalled) ?? -1
            throw violation(
                .dispatchOrder, "a lane of context \(context) idles beside a ready stage that may run there")
        }
        try checkCause()
        if allNeedWake {
            for task in dropping { try checkWake(task) }
            allNeedWake = false
            needingWake.removeAll(keepingCapacity: true)
        } else if !needingWake.isEmpty {
            for task in needingWake { try checkWake(task) }
            needingWake.removeAll(keepingCapacity: true)
        }
    }

    /// What is wrong where a job should have ended and nothing was said of it.
    func unpaid(_ job: Int) -> Violation {
        let owed = instances[job]
        return violation(
            owed.owedFate == .failed ? .containment : .jobFates,
            "\(name(of: job)) should have ended as \(owed.owedFate), but nothing was said of it")
    }

    /// Whether everything that had to end for a cause has ended.
    private mutating func checkCause() throws(Violation) {
        switch cause {
        case .none: return
        case .timer: allNeedWake = true
        case .cancellation(let job):
            let isReady = inFlight(job).map { instances[$0].phase == .ready } ?? false
            let isThere = isReady || waiting[job.task].contains { $0.sequence == job.sequence }
            try require(
                !isThere, .jobFates,
                "job \(job.sequence) of task \(job.task) was cancelled and should have been dropped")
        case .contextLost(let context):
            for job in instances.indices where instances[job].phase != .idle && instances[job].context == context {
                throw violation(
                    .containment,
                    "\(name(of: job)) should have failed with its context \(context), but nothing was said"
                )
            }
        case .taskRemoved(let task):
            try require(
                waiting[task].isEmpty, .jobFates, "a release of the removed task \(task) still waits")
        }
    }

    /// Whether jobs under `late: drop` that wait for a lane or for their predecessor are given up at their deadline: when
    /// a timer fires no overdue one may be left, and the next wake must come in time.
    private func checkWake(_ index: Int) throws(Violation) {
        for job in tasks[index].jobs where instances[job].phase == .ready {
            try checkWake(index, instances[job].release)
        }
        for place in waiting[index].indices { try checkWake(index, waiting[index][place]) }
    }

    private func checkWake(_ index: Int, _ job: AuditedRelease) throws(Violation) {
        if case .timer = cause {
            try require(
                job.deadline > now, .jobFates, "\(name(index, job)) should have been dropped at \(job.deadline) ns")
        }
        try require(
            wake <= job.deadline, .jobFates,
            "no wake was asked for by \(job.deadline) ns, when \(name(index, job)) is due")
    }

    // MARK: - Instances

    /// The index of a job that is in flight.
    func inFlight(_ job: JobID) -> Int? {
        guard tasks.indices.contains(job.task) else { return nil }
        return tasks[job.task].jobs.first {
            instances[$0].phase != .idle && instances[$0].release.sequence == job.sequence
        }
    }

    /// The idle instance whose next job must start: where admission is tested, one whose home admits it before others; then
    /// the one on whose home the least work is queued and running, then the first.
    func nextInstance(of task: Int) -> Int? {
        var best: (rejects: Int, work: Int64, job: Int)?
        for job in tasks[task].jobs where instances[job].phase == .idle {
            let home = instances[job].home
            let candidate = (isTested(task) && !fits(task, home) ? 1 : 0, contexts[home].work, job)
            if best.map({ candidate < $0 }) ?? true { best = candidate }
        }
        return best?.job
    }

    // MARK: - Counting and telling

    mutating func countRelease() { jobs.recordRelease() }
    mutating func countEnd(_ fate: JobFate) { jobs.recordEnd(fate) }

    @inline(__always)
    func require(
        _ condition: Bool, _ invariant: Violation.Invariant, _ sentence: @autoclosure () -> String
    ) throws(Violation) {
        if !condition { throw violation(invariant, sentence()) }
    }

    @inline(never)
    func violation(_ invariant: Violation.Invariant, _ sentence: String) -> Violation {
        Violation(invariant: invariant, time: Nanoseconds(now), sentence: sentence)
    }

    func name(_ task: Int, _ job: AuditedRelease) -> String { "job \(job.sequence) of task \(task)" }
    func name(of job: Int) -> String { name(instances[job].task, instances[job].release) }
    func names(_ jobs: [Int]) -> String {
        var names: [String] = []
        for job in jobs { names.append(name(of: job)) }
        return "\(names)"
    }
    func name(_ job: JobID) -> String { "job \(job.sequence) of task \(job.task)" }
}
