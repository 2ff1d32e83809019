/// A look inside, for plans, reports and checks.
extension Scheduler {
    /// Indices and number of the tasks.
    public var taskCount: Int { tasks.count }

    /// The context on which the jobs of a task start.
    public func home(of task: Int) -> Int { tasks[task].home }

    /// Whether the task has been removed and not been added again.
    public func isRemoved(_ task: Int) -> Bool { !tasks[task].isIn }

    /// MRETᵢ: the sum of the MRET of a task's stages.
    public func mret(of task: Int) -> Nanoseconds { tasks[task].mret }

    /// MRETᵢⱼ: the maximum recent execution time of one stage.
    public func mret(of task: Int, stage: Int) -> Nanoseconds { windows[tasks[task].firstStage + stage] }

    /// What a stage costs a task: the most time of a lane that one of its last w_s runs took, 1/n of a batch of n. MRET
    /// where nothing is batched.
    public func cost(of task: Int, stage: Int) -> Nanoseconds { load(of: tasks[task].firstStage + stage) }

    /// The maximum recent execution time of a batch of `jobs` jobs of the task's group; `nil` if it runs none of that size.
    public func batchTime(of task: Int, jobs: Int, stage: Int) -> Nanoseconds? {
        batches.time(of: task, jobs: jobs, stage: stage)
    }

    /// How many jobs run together on a lane; 0 if it is idle.
    public func jobs(on lane: Int) -> Int {
        let leader = running[lane]
        return leader < 0 ? 0 : batches.isOn ? batches.size(of: leader) : 1
    }

    /// uᵢ: MRETᵢ / Tᵢ, or with batching the sum of the costs of its stages over Tᵢ.
    public func utilisation(of task: Int) -> Utilisation { tasks[task].utilisation }

    /// What the admission test reads of a context.
    public func context(_ index: Int) -> Admission.Context { contexts[index] }

    /// How many stages wait for a lane of a context.
    public func readyStages(on context: Int) -> Int { queues[context].count }

    /// Whether any context can run stages.
    public var hasContext: Bool { contexts.contains(where: \.isAlive) }

    /// The jobs whose stages run on a context, batch by batch.
    public func runningJobs(on context: Int) -> [JobID] {
        var jobs: [JobID] = []
        for lane in context * streams..<(context + 1) * streams {
            var member = running[lane]
            while member >= 0 {
                jobs.append(JobID(task: member, sequence: tasks[member].sequence))
                member = batches.isOn ? batches.member(after: member) : -1
            }
        }
        return jobs
    }

    /// The job and stage running on a lane.
    public func runningStage(on lane: Int) -> (job: JobID, stage: Int)? {
        let task = running[lane]
        return task < 0 ? nil : (JobID(task: task, sequence: tasks[task].sequence), tasks[task].stage)
    }

    /// When the job of a task that is ready or running must be done; `nil` if there is none.
    public func currentDeadline(of task: Int) -> Nanoseconds? {
        tasks[task].phase == .idle ? nil : tasks[task].deadline
    }

    /// How many jobs of a task have been released: the sequence number of the next.
    public func releasedJobs(of task: Int) -> Int { tasks[task].released }

    /// Whether a job of a task is worth releasing now, if the task has no other in flight: it would be admitted, or is not
    /// by times that only a release has the scheduler forget (`SchedulerOptions.forgetting`).
    public func wouldAdmit(_ task: Int) -> Bool {
        guard tasks[task].isIn else { return false }
        return admissibleContext(for: task) != nil || options.forgetting && !couldFit(task)
    }

    /// Jobs of a task that are in flight though their deadline has passed.
    public func overdueJobs(of task: Int) -> Int {
        let running = tasks[task].phase != .idle && tasks[task].deadline < now ? 1 : 0
        let now = now
        return running + waiting[task].lazy.filter { $0.release + $0.relativeDeadline < now }.count
    }

    /// What of the design's invariants does not hold, in words; `nil` if all do. Works everything out anew: O(n).
    public func invariantViolation() -> String? {
        countViolation() ?? laneViolation() ?? queueViolation() ?? contextViolation() ?? executionTimeViolation()
    }

    /// 1: every job is accounted for once.
    private func countViolation() -> String? {
        let inFlight = tasks.lazy.filter { $0.phase != .idle }.count + waiting.reduce(0) { $0 + $1.count }
        if !counts.isBalanced { return "jobs do not add up: \(counts)" }
        if counts.inFlight != inFlight { return "\(counts.inFlight) jobs count as in flight, but \(inFlight) are" }
        for index in tasks.indices where tasks[index].phase == .idle && !waiting[index].isEmpty {
            return "task \(index) is idle though releases wait"
        }
        for index in tasks.indices where !tasks[index].isIn && !waiting[index].isEmpty {
            return "releases of task \(index) wait though it was removed"
        }
        return nil
    }

    /// 2: a lane runs at most one stage, a stage on at most one lane.
    private func laneViolation() -> String? {
        var onLanes = 0
        for lane in running.indices where running[lane] >= 0 {
            var member = running[lane]
            while member >= 0 {
                let task = tasks[member]
                if task.phase != .running || task.lane != lane || task.context != lane / streams {
                    return "lane \(lane) runs task \(member), which does not know of it"
                }
                if task.stage != tasks[running[lane]].stage { return "lane \(lane) runs different stages" }
                onLanes += 1
                member = batches.isOn ? batches.member(after: member) : -1
            }
        }
        let inRunning = tasks.lazy.filter { $0.phase == .running }.count
        if onLanes != inRunning { return "\(inRunning) jobs are running, but \(onLanes) are on lanes" }
        for context in contexts.indices {
            let idle = running[context * streams..<(context + 1) * streams].lazy.filter { $0 < 0 }.count
            if idle != idleLanes[context] {
                return "context \(context) has \(idle) idle lanes, not \(idleLanes[context])"
            }
        }
        return nil
    }

    /// 3: a stage waits only while every lane of its context is busy, and each ready stage waits in one queue.
    private func queueViolation() -> String? {
        var queued = 0
        for context in contexts.indices {
            let entries = queues[context].entries
            queued += entries.count
            if !entries.isEmpty && idleLanes[context] > 0 && contexts[context].isAlive {
                return "context \(context) has an idle lane and a ready stage"
            }
            if !entries.isEmpty && !contexts[context].isAlive { return "stages wait on the lost context \(context)" }
            for waiting in entries {
                let task = tasks[waiting.task]
                if task.phase != .ready || task.context != context || entry(waiting.task) != waiting {
                    return "task \(waiting.task) waits on context \(context) out of place"
                }
            }
        }
        let ready = tasks.lazy.filter { $0.phase == .ready }.count
        if let wrong = batchViolation() { return wrong }
        return queued == ready ? nil : "\(ready) jobs are ready, but \(queued) stages wait in queues"
    }

    /// Every ready stage that could run with others is known as such.
    private func batchViolation() -> String? {
        guard batches.isOn else { return nil }
        for (index, task) in tasks.enumerated() {
            let isListed = batches.isListed(index, stage: min(task.stage, task.stageCount - 1), context: task.context)
            if task.phase == .ready ? isListed == false : isListed == true {
                return "task \(index), which is \(task.phase), is \(isListed == true ? "" : "not ")listed for batching"
            }
        }
        return nil
    }

    /// 4: what admission reads is what is there.
    private func contextViolation() -> String? {
        var expected = contexts.map { context in
            var empty = Admission.Context()
            empty.isAlive = context.isAlive
            empty.caution = context.caution
            return empty
        }
        for task in tasks {
            if task.isIn && task.priority == .high { expected[task.home].highPriority += task.utilisation }
            guard task.phase != .idle else { continue }
            if task.priority == .low { expected[task.context].activeLowPriority += task.utilisation }
            for stage in task.currentStage..<task.firstStage + task.stageCount {
                expected[task.context].work += load(of: stage)
            }
        }
        for index in contexts.indices where contexts[index] != expected[index] {
            return "context \(index) is \(contexts[index]), but its tasks add up to \(expected[index])"
        }
        if contexts.contains(where: \.isAlive),
            let index = tasks.firstIndex(where: { $0.isIn && !contexts[$0.home].isAlive })
        {
            return "task \(index) has its home on a lost context, though others are left"
        }
        return nil
    }

    /// 5: every MRET is the maximum of the last w_s samples.
    private func executionTimeViolation() -> String? {
        for (index, task) in tasks.enumerated() {
            let stages = task.firstStage..<task.firstStage + task.stageCount
            if stages.reduce(.zero, { $0 + windows[$1] }) != task.mret {
                return "the MRET of task \(index) is not its stages'"
            }
            let cost = stages.reduce(.zero) { $0 + load(of: $1) }
            if Utilisation(executionTime: cost, period: task.period) != task.utilisation {
                return "the utilisation of task \(index) does not follow its execution times"
            }
            for stage in stages {
                let samples = windows.recentSamples(stage: stage)
                if samples.count > options.windowSize { return "the window of stage \(stage) is too long" }
                if let maximum = samples.max(), maximum != windows[stage] {
                    return "the MRET of stage \(stage) is \(windows[stage]), not \(maximum)"
                }
            }
        }
        return nil
    }
}
