/// A look inside, for plans, reports and checks.
extension Scheduler {
    /// The context on which the next job of a task starts: that of a free instance, or the first instance's if none is free.
    public func home(of task: Int) -> Int {
        tasks.home(tasks.freeInstance(of: task, isTested: options.tests(tasks[task].priority), jobs, ledger))
    }
    /// The context on which the jobs of each instance of a task start.
    public func homes(of task: Int) -> [Int] { tasks.instances(of: task).map { tasks.home($0) } }
    /// How many jobs of a task are in flight, at most its `instances`.
    public func jobsInFlight(of task: Int) -> Int { jobs.inFlight(of: task) }
    /// Whether the task has been removed and not been added again.
    public func isRemoved(_ task: Int) -> Bool { !tasks[task].isEnabled }
    /// How many jobs a task may have in flight: at most as many as there are instances in its place.
    package func instances(of task: Int) -> Int { tasks.instances(of: task).count }
    /// How many stages a task has.
    package func stages(of task: Int) -> Int { times.count(task) }
    /// Why a task cannot take the place of another now, in words; `nil` if it can.
    package func obstacle(toReplacing task: Int, with specification: TaskSpecification) -> String? {
        guard tasks.indices.contains(task) else { return "there is no task \(task)" }
        if tasks[task].isEnabled { return "task \(task) has not been removed" }
        if jobs.inFlight(of: task) > 0 { return "task \(task) still has jobs in flight" }
        if configuration.tasks[task].batchGroup != nil || specification.batchGroup != nil {
            return "tasks that run in batches are those of the start"
        }
        let (instances, stages) = (tasks.room(of: task), times.room(of: task))
        guard specification.instances <= instances, specification.afet.count <= stages else {
            return
                "\(specification.instances) instances of \(specification.afet.count) stages do not fit the place of task "
                + "\(task), which has room for \(instances) of \(stages)"
        }
        do { try SchedulerConfiguration.validate(specification) } catch { return error.description }
        return nil
    }
    /// MRETᵢ: the sum of the MRET of a task's stages.
    public func mret(of task: Int) -> Nanoseconds { times.mret(task) }
    /// MRETᵢⱼ: the maximum recent execution time of one stage.
    public func mret(of task: Int, stage: Int) -> Nanoseconds { times.mret(task, stage) }
    /// What a stage costs a task: the time of a lane that its last w_s runs took, 1/n of a batch of n, with a margin. MRET
    /// where nothing is batched.
    package func cost(of task: Int, stage: Int) -> Nanoseconds { times.cost(task, stage) }
    /// The maximum recent execution time of a batch of `jobs` jobs of the task's group; `nil` if it runs none of that size.
    package func batchTime(of task: Int, jobs: Int, stage: Int) -> Nanoseconds? {
        batches.time(of: task, jobs: jobs, stage: stage)
    }
    /// uᵢ: MRETᵢ / Tᵢ, or with batching the sum of the costs of its stages over Tᵢ.
    public func utilisation(of task: Int) -> Utilisation { tasks[task].utilisation }
    /// What the admission test reads of a context.
    public func context(_ index: Int) -> Admission.Context { ledger[index] }
    /// How many stages wait for a lane of a context.
    public func readyStages(on context: Int) -> Int { ready.count(on: context) }
    /// Whether any context can run stages.
    public var hasContext: Bool { ledger.hasContext }
    /// What runs on a lane; `nil` if it is idle.
    public func dispatch(on lane: Int) -> Dispatch? { lanes.isIdle(lane) ? nil : lanes[lane] }
    /// The jobs whose stages run on a context, dispatch by dispatch.
    package func runningJobs(on context: Int) -> [JobID] {
        lanes.partition.lanes(of: context).flatMap { dispatch(on: $0).map { Array($0.jobs) } ?? [] }
    }
    /// When a job that is in flight must be done; `nil` if it is not.
    public func deadline(of job: JobID) -> Nanoseconds? { jobs.index(of: job).map { jobs[$0].deadline } }
    /// How many jobs of a task have been released: the sequence number of the next.
    public func releasedJobs(of task: Int) -> Int { tasks[task].released }
    /// Jobs of a task that are in flight or wait though their deadline has passed.
    package func overdueJobs(of task: Int) -> Int {
        let now = now
        let running = tasks.instances(of: task).count { jobs[$0].isInFlight && jobs[$0].deadline < now }
        return running + backlog[task].lazy.filter { $0.deadline < now }.count
    }
    /// What of the design's invariants does not hold, in words; `nil` if all do. Works everything out anew: O(n).
    package func invariantViolation() -> String? {
        if !counts.isBalanced { return "jobs do not add up: \(counts)" }
        let inFlight = jobs.indices.count { jobs[$0].isInFlight } + backlog.count
        if counts.inFlight != inFlight { return "\(counts.inFlight) jobs count as in flight, but \(inFlight) are" }
        return jobs.violation() ?? backlog.violation(tasks, jobs) ?? lanes.violation(jobs, tasks)
            ?? ready.violation(jobs, tasks, lanes, ledger, batches) ?? ledger.violation(tasks, jobs, times)
            ?? times.violation() ?? tasks.violation(times)
    }
}
