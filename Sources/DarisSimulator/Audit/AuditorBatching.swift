import DarisCore

/// Whether jobs run together only where the rule says so, and what follows when their stage ends (docs/decisions/0010).
extension Auditor {
    // MARK: - Commands

    /// Starts the stages of the jobs that are dispatched with the one of task `leader`.
    mutating func startBatch(_ leader: Int, _ joined: [Int], lane: Int) throws(Violation) {
        try require(
            Set(joined).count == joined.count, .batching, "a job runs in the batch on lane \(lane) twice: \(joined)")
        try checkMembers(leader, joined)
        let expected = members(with: leader)
        if joined != expected {
            throw violation(
                .batching,
                "tasks \(joined) run with task \(leader), though by the rule \(expected) should, which is due at "
                    + "\(tasks[leader].due) ns")
        }
        for member in joined {
            takeFromReady(member)
            tasks[member].phase = .running
        }
        batching.followers[lane] = joined
    }

    /// What must hold of every batch, however it was put together.
    private func checkMembers(_ leader: Int, _ joined: [Int]) throws(Violation) {
        guard !joined.isEmpty else { return }
        let (stage, jobs) = (tasks[leader].stage, joined.count + 1)
        for member in joined {
            try require(
                member != leader && batching.group(of: member) != nil
                    && batching.group(of: member) == batching.group(of: leader), .batching,
                "tasks \(leader) and \(member) run together, which are not of one group")
            try require(
                tasks[member].stage == stage, .batching,
                "stage \(tasks[member].stage) of task \(member) runs with stage \(stage) of task \(leader)")
        }
        guard let time = batching.time(of: leader, jobs: jobs, stage: stage) else {
            throw violation(
                .batching, "\(jobs) jobs of task \(leader) and others run together, which is no size measured")
        }
        for member in [leader] + joined {
            try require(
                !tasks[member].runsAlone, .batching, "task \(member) runs with others, though a batch with it failed")
            try require(
                now + time <= bound(member), .batching,
                """
                \(name(member, tasks[member].job)) runs in a batch of \(jobs) until \(now + time) ns, though it must \
                end by \(bound(member)) ns
                """)
        }
    }

    /// The tasks that must run with the one that goes first: of the largest size at which all end within their bounds,
    /// the first in order.
    private func members(with leader: Int) -> [Int] {
        guard batching.group(of: leader) != nil, !tasks[leader].runsAlone else { return [] }
        let (stage, group) = (tasks[leader].stage, batching.group(of: leader))
        let others = contexts[tasks[leader].context].ready.filter { other in
            other.task != leader && batching.group(of: other.task) == group && tasks[other.task].stage == stage
                && !tasks[other.task].runsAlone
        }.sorted { $0.outranks($1) }
        for jobs in batching.sizes(of: leader) {
            guard let time = batching.time(of: leader, jobs: jobs, stage: stage), now + time <= bound(leader) else {
                continue
            }
            var able: [Int] = []
            for other in others where able.count < jobs - 1 && now + time <= bound(other.task) {
                able.append(other.task)
            }
            if able.count == jobs - 1 { return able }
        }
        return []
    }

    /// Until when a batch with a task's stage may last: its virtual deadline if it can meet that by itself, else the last
    /// moment at which its job can be in time, and for ever if that is lost too.
    private func bound(_ index: Int) -> Int64 {
        let task = tasks[index]
        let current = task.firstStage + task.stage
        let alone = now + times[current]
        if alone <= task.due { return task.due }
        var latest = task.job.deadline
        for stage in current + 1..<task.firstStage + task.stageCount { latest -= times[stage] }
        return alone <= latest ? latest : .max
    }

    // MARK: - Events

    /// The stage of a lane has ended, for all who ran it there.
    mutating func completeTogether(_ leader: Int, lane: Int, executionTime: Int64) {
        let members = [leader] + batching.followers[lane]
        batching.followers[lane].removeAll(keepingCapacity: true)
        // The lane was kept from the dispatch on.
        let longest = SchedulerConfiguration.longestTime.rawValue
        let kept = min(max(executionTime, now - batching.dispatchTimes[lane]), longest)
        if members.count > 1 {
            batching.record(kept, of: leader, jobs: members.count, stage: tasks[leader].stage)
        }
        let cost = batching.cost(kept, of: leader, jobs: members.count, stage: tasks[leader].stage)
        for member in members {
            let stage = tasks[member].firstStage + tasks[member].stage
            contexts[tasks[member].context].work -= batching.costs[stage]
            if members.count == 1 { tasks[member].mret += times.record(executionTime, stage: stage) }
            let change = batching.costs.record(cost, stage: stage)
            if change != 0 { changeCost(member, by: change) }
            tasks[member].runsAlone = false
            passStage(member)
        }
    }

    /// The stage of a lane has failed: that ends a job that ran alone; jobs that ran together go again, each alone.
    mutating func fail(_ leader: Int, lane: Int) {
        guard batching.isOn, !batching.followers[lane].isEmpty else { return owe(leader, .failed, .stageFailed) }
        let members = [leader] + batching.followers[lane]
        batching.followers[lane].removeAll(keepingCapacity: true)
        for member in members {
            tasks[member].runsAlone = true
            if tasks[member].isCancelled {
                owe(member, .dropped, .cancelled)
            } else if tasks[member].dropsLateJobs && tasks[member].job.deadline <= now {
                owe(member, .dropped, .deadlinePassed)
            } else {
                makeReady(member, predecessorWasLate: tasks[member].predecessorWasLate)
            }
        }
    }
}
