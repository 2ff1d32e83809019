/// The DARIS scheduler: a deterministic state machine that does no I/O.
///
/// Events go in with their time, commands come out; it has no clock, thread, lock or random source. A real-time executor
/// and a simulator drive the very same object.
///
/// ```swift
/// var scheduler = Scheduler(try SchedulerConfiguration(partition: partition, tasks: tasks))
/// var commands = CommandBuffer()
/// scheduler.handle(.jobReleased(task: 0), at: .zero, into: &commands)
/// for command in commands { … }
/// ```
///
/// This is the policy: each fact belongs to one of the owners below, which alone changes it. An event costs O(log n) in the
/// number of ready stages, plus O(stages) at an admission, O(contexts) at a migration, and O(k) in the k jobs that could run
/// together at a dispatch. Nothing is allocated once queues have reached their greatest length.
/// Source: Fakhim Babaei and Chantem, *DARIS*, arXiv 2504.08795, sections III and IV.
public struct Scheduler: ~Copyable, Sendable {
    /// What the scheduler was made from, with the tasks that have taken the places of others since. As many instances as a place
    /// had at the start are kept for it, however few the task there has.
    public private(set) var configuration: SchedulerConfiguration
    /// Fates of all jobs so far.
    public private(set) var counts = JobCounts()
    /// The time of the latest event.
    public private(set) var now = Nanoseconds.zero

    let options: SchedulerOptions
    private let rules: ActiveBatchingRules
    private(set) var tasks: TaskTable
    private(set) var jobs: JobTable
    private(set) var times: ExecutionTimes
    private(set) var batches: BatchTimes
    private(set) var ledger: ContextLedger
    private(set) var lanes: Lanes
    private(set) var ready: ReadyQueues
    private(set) var backlog: Backlog
    private(set) var timers: DropTimers
    /// What the present event leads to.
    private var commands = CommandBuffer()

    /// A scheduler at rest.
    ///
    /// - Precondition: `configuration.validate()` passes, as it does for one made by its throwing initializer.
    public init(_ configuration: SchedulerConfiguration) {
        do { try configuration.validate() } catch { preconditionFailure(error.description) }
        self.configuration = configuration
        options = configuration.options
        rules = ActiveBatchingRules(configuration)
        tasks = TaskTable(configuration)
        jobs = JobTable(configuration)
        batches = BatchTimes(configuration)
        times = ExecutionTimes(configuration, sharesLanes: batches.isOn)
        ledger = ContextLedger(configuration.partition, options.published)
        tasks.reserve(in: &ledger)
        lanes = Lanes(configuration.partition, jobs: batches.largest)
        ready = ReadyQueues(configuration, lists: batches.lists)
        backlog = Backlog(tasks: configuration.tasks.count)
        timers = DropTimers(jobs: jobs.indices.count)
    }

    /// Takes in an event and decides.
    ///
    /// - Parameters:
    ///   - event: what happened.
    ///   - time: when; a time before that of the event before counts as that one, so clocks need not be exact. A job's
    ///     release is taken as given, even if the news of it came late.
    ///   - commands: emptied, then filled with what is to be done, in order.
    public mutating func handle(_ event: Event, at time: Nanoseconds, into commands: inout CommandBuffer) {
        swap(&self.commands, &commands)
        self.commands.removeAll(keepingCapacity: true)
        if time > now { now = time }
        switch event {
        case .jobReleased(let task, let relativeDeadline):
            release(task, at: time, relativeDeadline: relativeDeadline)
        case .stageCompleted(let lane, let job, let executionTime):
            endStage(of: job, lane: lane, executionTime: executionTime)
        case .stageFailed(let lane, let job): endStage(of: job, lane: lane, executionTime: nil)
        case .jobCancelled(let job): withdraw(job, .cancelled)
        case .timerFired: dropOverdueJobs()
        case .contextLost(let context): lose(context)
        case .contextRestored(let context): if ledger.restore(context) { tasks.restore(context, &ledger) }
        case .taskRemoved(let task): remove(task)
        case .taskAdded(let task): tasks.add(task, &ledger)
        }
        if let wake = timers.nextWake() { self.commands.append(.wake(at: wake)) }
        swap(&self.commands, &commands)
        assert(invariantViolation() == nil, invariantViolation() ?? "")
    }

    // MARK: - Release (IV-B1)

    private mutating func release(_ task: Int, at time: Nanoseconds, relativeDeadline: Nanoseconds?) {
        precondition(tasks.indices.contains(task), "there is no task \(task)")
        counts.recordRelease()
        let release = tasks.release(task, at: time, relativeDeadline: relativeDeadline)
        let id = JobID(task: task, sequence: release.sequence)
        guard tasks[task].isEnabled else { return end(task, release, .rejected, .taskRemoved) }
        if jobs.hasRoom(for: task) {
            guard start(task, release, preferring: nil) else { return }
        } else if backlog[task].count < tasks[task].queueLimit {
            backlog.append(release, of: task)
            commands.append(.queued(id))
        } else {
            let reason: FateReason = tasks[task].queueLimit == 0 ? .previousJobInFlight : .queueFull
            return end(task, release, .skipped, reason)
        }
        if tasks[task].dropsLateJobs { addDropTimer(id, release.deadline) }
    }

    /// Admits a release and makes its first stage ready, or ends it; returns whether it was admitted.
    ///
    /// - Precondition: the task has room for a job.
    @discardableResult
    private mutating func start(_ task: Int, _ release: Release, preferring lane: Int?) -> Bool {
        if tasks[task].dropsLateJobs && release.deadline <= now {
            end(task, release, .dropped, .deadlinePassed)
            return false
        }
        let job = tasks.freeInstance(of: task, isTested: options.tests(tasks[task].priority), jobs, ledger)
        guard let context = admissibleContext(for: task, release, home: tasks.home(job)) else {
            reject(task, release, home: tasks.home(job))
            return false
        }
        let id = JobID(task: task, sequence: release.sequence)
        let migrates = context != tasks.home(job)
        commands.append(.admitted(id, context: context, migrated: migrates))
        if migrates && options.published.movesHomes { tasks.resettle(job, of: task, to: context, &ledger) }
        jobs.admit(job, release, context: context, times)
        ledger.admit(tasks[task], to: context, work: times.cost(task))
        makeReady(job)
        fill(context, preferring: lane)
        return true
    }

    /// The context that a job of the task may run on now, or `nil` if there is none (equations 4 and 5): HP jobs go home, LP
    /// jobs where they fit.
    private func admissibleContext(for task: Int, _ release: Release, home: Int) -> Int? {
        if options.tests(tasks[task].priority) {
            if options.published.movesHomes {
                return ledger.publishedTarget(task, home: home, tasks, migration: options.migration)
            }
            return ledger.target(
                tasks[task], home: home, executionTime: times.mret(task), migration: options.migration,
                forecast(of: task, release))
        }
        return ledger[home].isAlive ? home : nil
    }

    /// What the finish of a release of an LP task is predicted from; `nil` where it is not.
    ///
    /// A job takes as long as the largest batch that it may run in, but no longer than that was allowed to take: what batches took at
    /// a bad moment does not lock the task out.
    private func forecast(of task: Int, _ release: Release) -> Admission.Forecast? {
        guard rules.forecast else { return nil }
        let longest = tasks[task].relativeDeadline.scaled(by: BatchingRule.deadlinePercent, over: 200)
        return Admission.Forecast(
            executionTime: max(times.mret(task), min(batches.remaining(of: task, from: 0), longest)),
            limit: release.deadline - now)
    }

    /// Ends a release that no context admits.
    private mutating func reject(_ task: Int, _ release: Release, home: Int) {
        guard ledger.hasContext else {
            return end(task, release, tasks[task].priority == .high ? .failed : .rejected, .noContextAlive)
        }
        let fits = rules.forecast && ledger.fits(tasks[task], home: home, migration: options.migration)
        let forecast = forecast(of: task, release)
        if options.published.rejectionsAge { times.skipRelease(of: task) }
        let leavesHome = options.migration && !options.published.movesHomes
        if options.forgetting && !ledger.couldAdmit(task, tasks, migration: leavesHome, forecast) {
            forget(task)
        }
        if rules.safetyFactor { ledger.lowerSafetyFactor(of: home) }
        end(task, release, .rejected, fits ? .wouldBeLate : .noContextFits)
    }

    /// A task that no context would admit however idle would never run again, and so never be measured again, though its MRET
    /// may come from a bad moment long past. Each release that is rejected for that forgets the oldest sample of every stage,
    /// until the task fits or its AFET stands in again. Not in the paper; docs/decisions/0002.
    private mutating func forget(_ task: Int) {
        for stage in configuration.tasks[task].afet.indices {
            reprice(stage, of: task, by: times.expireOldest(of: task, stage: stage))
        }
    }

    // MARK: - Dispatch (IV-B3)

    @inline(__always)
    private mutating func makeReady(_ job: Int) {
        jobs.move(job, .readied)
        ready.insert(job, jobs, tasks, batches)
    }

    /// Starts ready stages while the context has an idle lane for one; the lane that has just become idle goes first, since its
    /// thread is awake.
    private mutating func fill(_ context: Int, preferring lane: Int?) {
        guard ledger[context].isAlive else { return }
        while let opening = lanes.opening(of: context, preferring: lane, ready.waiting(on: context)),
            let first = ready.next(on: context, for: opening, at: now, jobs, times, batches)
        {
            begin(first, on: opening.lane)
            for place in ready.companions.indices { begin(ready.companions[place], on: opening.lane) }
            commands.append(.dispatch(lanes[opening.lane]))
        }
    }

    /// Has a lane run the current stage of a job, by itself or with those that it runs already.
    @inline(__always)
    private mutating func begin(_ job: Int, on lane: Int) {
        jobs.move(job, .started(lane: lane))
        lanes.begin(
            jobs.member(job), isHigh: tasks[jobs[job].task].priority == .high, stage: jobs[job].stage, lane: lane,
            at: now)
    }

    // MARK: - The end of a stage

    /// A stage has ended on a lane, of one job or several; without an execution time it failed. Those that go on become ready,
    /// then the others end, and last the releases that waited behind these start.
    private mutating func endStage(of id: JobID, lane: Int, executionTime: Nanoseconds?) {
        // Another job's end is a message from before the context of the lane was lost.
        guard lanes.runs(id, on: lane) else { return }
        lanes.end(lane, at: now)
        let count = lanes.endedCount
        for place in 0..<count {
            let job = lanes.endedJob(place).instance
            if executionTime == nil {
                jobs.move(job, .stageFailed)
            } else {
                ledger.settle(times.cost(jobs[job].task, jobs[job].stage), of: jobs[job].context)
                jobs.move(job, .stageEnded(isLate: now > jobs.virtualDeadline(job)))
            }
        }
        if let executionTime { learn(executionTime, since: lanes.start(lane)) }
        let failsAlone = executionTime == nil && count == 1
        let goesOn = rules.cohesion && count > 1 && executionTime != nil && goOn(count, on: lane)
        for place in 0..<count where !goesOn {
            let job = lanes.endedJob(place).instance
            if !failsAlone && endAfterStage(job) == nil { makeReady(job) }
        }
        for place in 0..<count {
            let job = lanes.endedJob(place).instance
            guard jobs[job].phase == .between else { continue }
            let (fate, reason) = failsAlone ? (.failed, .stageFailed) : endAfterStage(job)!
            conclude(job, fate, reason)
        }
        for place in 0..<count { startWaiting(lanes.endedJob(place).job.task, preferring: lane) }
        fill(lanes.partition.context(of: lane), preferring: lane)
    }

    /// How a job ends now that a stage of it is over, `nil` if it goes on.
    @inline(__always)
    private func endAfterStage(_ job: Int) -> (JobFate, FateReason)? {
        if jobs.isDone(job) { return (.completed, now > jobs[job].deadline ? .late : .onTime) }
        if jobs[job].isCancelled { return (.dropped, .cancelled) }
        return tasks[jobs[job].task].dropsLateJobs && now >= jobs[job].deadline ? (.dropped, .deadlinePassed) : nil
    }

    /// Takes in how long the stage took that has just ended (equations 1 and 2). What it changes in the work of a context is of
    /// other jobs of the same task.
    private mutating func learn(_ executionTime: Nanoseconds, since start: Nanoseconds) {
        let (stage, count, leader) = (lanes.endedStage, lanes.endedCount, lanes.endedJob(0).job.task)
        var (executionTime, kept) = (executionTime, now - start)
        if lanes.endedPreemption > .zero {
            // The stage may have waited for the processor before it began, so that its own time does not hold all that was taken.
            kept = max(kept - lanes.endedPreemption, .zero)
            executionTime = min(executionTime, kept)
        }
        var cost = Nanoseconds.zero
        if batches.isOn {
            // The lane was kept from the dispatch until the end was seen.
            let time = SchedulerConfiguration.clamped(max(executionTime, kept))
            if count > 1 { batches.record(time, of: leader, jobs: count, stage: stage) }
            cost = batches.cost(time, of: leader, jobs: count, stage: stage)
        }
        let alone = SchedulerConfiguration.clamped(executionTime)
        for place in 0..<count {
            let task = lanes.endedJob(place).job.task
            // A task learns once from a batch, whatever the number of its jobs in it.
            if (0..<place).contains(where: { lanes.endedJob($0).job.task == task }) { continue }
            var change = count == 1 ? times.record(alone, of: task, stage: stage) : .zero
            if batches.isOn { change = times.recordCost(cost, of: task, stage: stage) }
            reprice(stage, of: task, by: change)
        }
    }

    /// Takes in that a stage costs the jobs of a task more, or less.
    @inline(__always)
    private mutating func reprice(_ stage: Int, of task: Int, by change: Nanoseconds) {
        guard change != .zero else { return }
        ledger.reprice(stage, of: task, by: change, tasks, jobs)
        ledger.change(task, by: tasks.update(task, executionTime: times.cost(task)), tasks, jobs)
    }

    /// Has the jobs of a batch run their next stage at once on the lane on which it ended, and whether they do: not where their number
    /// is no size that was measured, nor while an HP job has waited on the context for more than half of its deadline.
    private mutating func goOn(_ count: Int, on lane: Int) -> Bool {
        let context = lanes.partition.context(of: lane)
        guard !lanes.partition.isExpress(lane), !ready.hasLongWaitingHigh(on: context, at: now, jobs) else {
            return false
        }
        var going = 0
        for place in 0..<count where endAfterStage(lanes.endedJob(place).instance) == nil { going += 1 }
        let task = lanes.endedJob(0).job.task
        guard going > 1, batches.sizes(of: task).contains(where: { $0.jobs == going }) else { return false }
        for place in 0..<count {
            let job = lanes.endedJob(place).instance
            guard endAfterStage(job) == nil else { continue }
            jobs.move(job, .readied)
            begin(job, on: lane)
        }
        commands.append(.dispatch(lanes[lane]))
        return true
    }

    // MARK: - Ends

    /// Ends a job in flight, then starts the release that waits behind it, if any. Its lane is idle and it is in no queue.
    private mutating func finish(_ job: Int, _ fate: JobFate, _ reason: FateReason) {
        conclude(job, fate, reason)
        startWaiting(jobs[job].task, preferring: nil)
    }

    private mutating func conclude(_ index: Int, _ fate: JobFate, _ reason: FateReason) {
        let job = jobs[index]
        ledger.settle(jobs.stagesLeft(index).reduce(.zero) { $0 + times.cost(job.task, $1) }, of: job.context)
        ledger.retire(tasks[job.task], from: job.context)
        if rules.safetyFactor, tasks[job.task].priority == .low, reason.saysWhetherLate {
            // What jobs cost in batches is foreseen less well than what they take alone; by how much is learnt.
            let limit = rules.nearMisses ? BatchingRule.nearPercent : 100
            let isLate = now - job.release > (job.deadline - job.release).scaled(by: limit, over: 100)
            ledger.learn(
                isLate: isLate || reason != .onTime, since: job.release, now: now, context: job.context)
        }
        jobs.move(index, .ended)
        end(job.task, job.asRelease, fate, reason)
    }

    /// Tells the end of a job: of one in flight by `conclude`, else at once.
    private mutating func end(_ task: Int, _ release: Release, _ fate: JobFate, _ reason: FateReason) {
        counts.recordEnd(fate)
        commands.append(
            .finished(
                JobOutcome(
                    job: JobID(task: task, sequence: release.sequence), fate: fate, reason: reason,
                    priority: tasks[task].priority, release: release.time, deadline: release.deadline, finish: now)))
    }

    @inline(__always)
    private mutating func startWaiting(_ task: Int, preferring lane: Int?) {
        while jobs.hasRoom(for: task), let next = backlog.popFirst(of: task) {
            start(task, next, preferring: lane)
        }
    }

    // MARK: - Jobs that are cancelled, or late under `late: drop`

    private mutating func dropOverdueJobs() {
        timers.woken()
        while let id = timers.popDue(at: now) { withdraw(id, .deadlinePassed) }
    }

    /// Drops a job that waits. One that runs is looked at when its stage ends.
    private mutating func withdraw(_ id: JobID, _ reason: FateReason) {
        guard let job = jobs.index(of: id) else {
            if let release = backlog.remove(id) { end(id.task, release, .dropped, reason) }
            return
        }
        if jobs[job].phase == .ready {
            ready.remove(job, jobs, batches)
            finish(job, .dropped, reason)
        } else if reason == .cancelled {
            jobs.cancel(job)
        }
    }

    private mutating func addDropTimer(_ id: JobID, _ deadline: Nanoseconds) {
        let (jobs, backlog) = (jobs, backlog)
        timers.add(id, deadline: deadline) { jobs.index(of: $0) != nil || backlog.contains($0) }
    }

    // MARK: - Contexts that are lost and come back

    private mutating func lose(_ context: Int) {
        guard ledger.lose(context) else { return }
        tasks.rehome(&ledger)
        for lane in lanes.partition.lanes(of: context) where !lanes.isIdle(lane) {
            lanes.end(lane, at: now)
            for place in 0..<lanes.endedCount { finish(lanes.endedJob(place).instance, .failed, .contextLost) }
        }
        while let job = ready.removeFirst(on: context, jobs, batches) { finish(job, .failed, .contextLost) }
    }

    // MARK: - Tasks that are removed and added again (docs/decisions/0007)

    /// What waits behind the task's job in flight is dropped; that job runs on to its end.
    private mutating func remove(_ task: Int) {
        guard tasks.remove(task, &ledger) else { return }
        while let release = backlog.popFirst(of: task) { end(task, release, .dropped, .taskRemoved) }
    }

    // MARK: - Tasks in the places of others (docs/decisions/0022)

    /// Puts another task in the place of a removed one that has no job in flight. It is out until `taskAdded`. Allocates, and
    /// costs O(tasks).
    ///
    /// - Precondition: `obstacle(toReplacing:with:)` is `nil`.
    package mutating func replace(_ task: Int, with specification: TaskSpecification) {
        if let obstacle = obstacle(toReplacing: task, with: specification) { preconditionFailure(obstacle) }
        configuration.tasks[task] = specification
        configuration.tasks[task].instances = tasks.room(of: task)
        tasks.replace(task, with: specification)
        jobs.replace(task, with: specification)
        times.replace(task, with: specification)
        assert(invariantViolation() == nil, invariantViolation() ?? "")
    }
}
