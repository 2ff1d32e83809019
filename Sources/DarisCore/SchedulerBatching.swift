/// Dynamic batching: jobs of several tasks that are at the same stage of the same model run it as one, where every one of
/// them still meets its virtual deadline (docs/decisions/0010). Nothing of this is reached while batching is off,
/// and it is kept out of line so that the code of decisions stays as small as it was.
extension Scheduler {
    /// Looks for jobs that can run with the stage that is about to start on a lane, and lets them join it there.
    ///
    /// O(k) for k ready stages of the same model, stage and context; O(ready stages of the context) if any join.
    @inline(never)
    mutating func gather(_ leader: ReadyQueue.Entry, lane: Int, into commands: inout CommandBuffer) {
        let (context, stage) = (tasks[leader.task].context, tasks[leader.task].stage)
        guard let candidate = batches.remove(task: leader.task, stage: stage, context: context) else { return }
        let (jobs, end) = batches.jobs(with: candidate, stage: stage, context: context, at: now)
        guard jobs > 1 else { return }
        var last = leader.task
        for _ in 1..<jobs {
            guard
                let member = batches.popFirst(
                    with: leader.task, stage: stage, context: context, at: now, until: end)
            else {
                preconditionFailure("a batch of \(jobs) jobs lacks one")
            }
            tasks[member].phase = .running
            tasks[member].lane = lane
            batches.join(member, after: last)
            last = member
            commands.append(.join(job: JobID(task: member, sequence: tasks[member].sequence), stage: stage, lane: lane))
        }
        let tasks = tasks
        queues[context].removeAll { tasks[$0].phase == .running }
    }

    /// A stage as one that could run with others.
    @inline(never)
    func candidate(_ entry: ReadyQueue.Entry) -> Batches.Candidate {
        let task = tasks[entry.task]
        var latestEnd = task.deadline
        for stage in task.currentStage + 1..<task.firstStage + task.stageCount { latestEnd -= windows[stage] }
        return Batches.Candidate(entry: entry, mret: windows[task.currentStage], latestEnd: latestEnd)
    }

    /// A stage has ended on a lane, of one job or of a batch: those with stages to come become ready, then those at their
    /// end meet it, and last the releases that waited behind these start.
    @inline(never)
    mutating func completeTogether(
        lane: Int, leader: Int, executionTime: Nanoseconds, into commands: inout CommandBuffer
    ) {
        let jobs = batches.size(of: leader)
        let own = SchedulerConfiguration.clamped(executionTime)
        let time = SchedulerConfiguration.clamped(batches.occupancy(of: lane, executionTime: executionTime, at: now))
        if jobs > 1 { batches.recordTime(time, of: leader, jobs: jobs, stage: tasks[leader].stage) }
        let cost = batches.cost(time, of: leader, jobs: jobs, stage: tasks[leader].stage)
        var member = leader
        while member >= 0 {
            let stage = tasks[member].currentStage
            contexts[tasks[member].context].work -= load(of: stage)
            if jobs == 1 { tasks[member].mret += windows.record(own, stage: stage) }
            batches.recordCost(cost, of: member, stage: stage)
            utilisationChanged(member, executionTime: batches.taskCosts[member])
            batches.setRunsAlone(member, false)
            tasks[member].stage += 1
            if endAfterStage(member) == nil {
                makeReady(member, predecessorWasLate: now > virtualDeadlines[stage])
            }
            member = batches.member(after: member)
        }
        endMembers(leader, preferring: lane, into: &commands)
        fill(lane / streams, preferring: lane, into: &commands)
    }

    /// Takes in how an LP job ended, in time or late: what jobs cost in batches is foreseen less well than what they take
    /// alone, and by how much is learnt.
    @inline(never)
    mutating func learnCaution(_ index: Int, _ reason: FateReason) {
        switch reason {
        case .onTime, .late, .deadlinePassed:
            contexts[tasks[index].context].caution.learn(
                isLate: reason != .onTime, since: tasks[index].release, now: now)
        default: break
        }
    }

    /// A batch could not be run, and nobody knows for whose sake: its jobs are ready again, each to run by itself.
    @inline(never)
    mutating func separate(_ leader: Int, lane: Int, into commands: inout CommandBuffer) {
        var member = leader
        while member >= 0 {
            batches.setRunsAlone(member, true)
            if endAfterStage(member) == nil { makeReady(member, predecessorWasLate: tasks[member].predecessorWasLate) }
            member = batches.member(after: member)
        }
        endMembers(leader, preferring: lane, into: &commands)
        fill(lane / streams, preferring: lane, into: &commands)
    }

    /// Parts a batch, ends those of its jobs that are not ready, and starts the releases behind them.
    private mutating func endMembers(_ leader: Int, preferring lane: Int, into commands: inout CommandBuffer) {
        var (member, lastEnded, firstEnded) = (leader, -1, -1)
        while member >= 0 {
            let following = batches.leave(member)
            if let (fate, reason) = tasks[member].phase == .running ? endAfterStage(member) : nil {
                conclude(member, fate, reason, into: &commands)
                // Those that have ended stay linked until the releases behind them have started.
                if lastEnded < 0 { firstEnded = member } else { batches.join(member, after: lastEnded) }
                lastEnded = member
            }
            member = following
        }
        member = firstEnded
        while member >= 0 {
            let following = batches.leave(member)
            startWaiting(member, preferring: lane, into: &commands)
            member = following
        }
    }

    /// How a job ends now that its stage is over, `nil` if it goes on.
    private func endAfterStage(_ index: Int) -> (JobFate, FateReason)? {
        let task = tasks[index]
        if task.stage == task.stageCount { return (.completed, now > task.deadline ? .late : .onTime) }
        if task.isCancelled { return (.dropped, .cancelled) }
        return task.dropsLateJobs && now >= task.deadline ? (.dropped, .deadlinePassed) : nil
    }
}
