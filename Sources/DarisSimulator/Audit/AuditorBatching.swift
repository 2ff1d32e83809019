import DarisCore

/// Whether jobs run together only where the rule says so, and what follows when their stage ends (docs/decisions/0010).
extension Auditor {
    // MARK: - Commands

    /// Starts the stages of the jobs that are dispatched with job `leader`.
    mutating func startBatch(_ leader: Int, _ joined: [Int], lane: Int) throws(Violation) {
        try require(
            Set(joined).count == joined.count, .batching,
            "a job runs in the batch on lane \(lane) twice: \(names(joined))")
        if !batching.goingOn.jobs.isEmpty {
            let going = batching.goingOn
            batching.goingOn = (-1, [])
            try require(
                going.lane == lane && going.jobs == [leader] + joined, .batching,
                "\(names(going.jobs)) should go on together on lane \(going.lane), before anything else starts")
            return follow(leader, joined, lane: lane)
        }
        try checkMembers(leader, joined)
        let expected = members(with: leader, on: lane)
        if joined != expected {
            throw violation(
                .batching,
                "\(names(joined)) run with \(name(of: leader)), though by the rule \(names(expected)) should, which "
                    + "is due at \(instances[leader].due) ns")
        }
        follow(leader, joined, lane: lane)
    }

    private mutating func follow(_ leader: Int, _ joined: [Int], lane: Int) {
        for member in joined {
            takeFromReady(member)
            instances[member].phase = .running
        }
        batching.followers[lane] = joined
    }

    /// What must hold of every batch, however it was put together.
    private func checkMembers(_ leader: Int, _ joined: [Int]) throws(Violation) {
        guard !joined.isEmpty else { return }
        let (stage, jobs, task) = (instances[leader].stage, joined.count + 1, instances[leader].task)
        for member in joined {
            try require(
                member != leader && group(of: member) != nil && group(of: member) == group(of: leader), .batching,
                "\(name(of: leader)) and \(name(of: member)) run together, which are not of one group")
            try require(
                instances[member].stage == stage, .batching,
                "stage \(instances[member].stage) of \(name(of: member)) runs with stage \(stage) of \(name(of: leader))"
            )
        }
        guard let time = batching.time(of: task, jobs: jobs, stage: stage) else {
            throw violation(
                .batching, "\(jobs) jobs of task \(task) and others run together, which is no size measured")
        }
        for member in [leader] + joined {
            try require(
                !instances[member].runsAlone, .batching,
                "\(name(of: member)) runs with others, though a batch with it failed")
            try require(
                now + time <= bound(member), .batching,
                """
                \(name(of: member)) runs in a batch of \(jobs) until \(now + time) ns, though it must end by \
                \(bound(member)) ns
                """)
        }
    }

    /// Whether an HP job whose stage is ready on a context has used up more than half of its deadline.
    private func hasLongWaitingHigh(on context: Int) -> Bool {
        contexts[context].ready.contains { waiting in
            let release = instances[waiting.job].release
            // Without fixed priorities all stages are one.
            return (waiting.isHigh || !options.fixedPriority)
                && now - release.release > (release.deadline - release.release) / 2
        }
    }

    /// Whether a stage should let riper ones go first: the first of its job, of which fewer than half of the largest batch could run now,
    /// and with the time of two largest batches until its deadline; one and a half if it is LP.
    func isUnripe(_ job: Int) -> Bool {
        guard options.follows(.ripest), instances[job].stage == 0, !instances[job].runsAlone,
            let group = group(of: job),
            let largest = batching.sizes(of: instances[job].task).first
        else { return false }
        let ready = contexts[instances[job].context].ready.count { other in
            self.group(of: other.job) == group && instances[other.job].stage == 0 && !instances[other.job].runsAlone
        }
        let possible = batching.sizes(of: instances[job].task).first { $0 <= ready } ?? 1
        let time = batching.remaining(of: instances[job].task, from: 0)
        let slack = isHigh(job) || !options.fixedPriority ? 2 * time : time * 3 / 2
        return 2 * possible < largest && now < instances[job].release.deadline - slack
    }

    private func group(of job: Int) -> Int? { batching.group(of: instances[job].task) }

    /// The jobs that must run with the one that goes first: of the largest size at which all end within their bounds, the
    /// first in order.
    private func members(with leader: Int, on lane: Int) -> [Int] {
        guard group(of: leader) != nil, !instances[leader].runsAlone else { return [] }
        let (stage, group, task) = (instances[leader].stage, group(of: leader), instances[leader].task)
        // HP alone runs on express lanes, and only LP with an LP leader where those are.
        let (needsHigh, needsLow) = (partition.isExpress(lane), partition.express > 0 && !isHigh(leader))
        let others = contexts[instances[leader].context].ready.filter { other in
            other.job != leader && !(other.isHigh ? needsLow : needsHigh) && self.group(of: other.job) == group
                && instances[other.job].stage == stage
                && !instances[other.job].runsAlone
        }.sorted { $0.outranks($1) }
        for jobs in batching.sizes(of: task) {
            guard let time = batching.time(of: task, jobs: jobs, stage: stage), now + time <= bound(leader) else {
                continue
            }
            var able: [Int] = []
            for other in others where able.count < jobs - 1 && now + time <= bound(other.job) {
                able.append(other.job)
            }
            if able.count == jobs - 1 { return able }
        }
        return []
    }

    /// Until when a batch with a job's stage may last: its virtual deadline if it can meet that by itself, else the last
    /// moment at which it can be in time, and without limit if that is lost too.
    private func bound(_ index: Int) -> Int64 {
        let (job, task) = (instances[index], tasks[instances[index].task])
        let current = task.firstStage + job.stage
        let alone = now + times[current]
        if options.follows(.bounds) {
            // In the largest batches from the next stage on.
            let latest = job.release.deadline - batching.remaining(of: job.task, from: job.stage + 1)
            return alone <= latest ? max(latest, job.due) : .max
        }
        if alone <= job.due { return job.due }
        var latest = job.release.deadline
        for stage in current + 1..<task.firstStage + task.stageCount { latest -= times[stage] }
        return alone <= latest ? latest : .max
    }

    // MARK: - Events

    /// The stage of a lane has ended, for all jobs that ran it there.
    mutating func completeTogether(_ leader: Int, lane: Int, executionTime: Int64) {
        let members = [leader] + batching.followers[lane]
        let (first, stage) = (instances[leader].task, instances[leader].stage)
        batching.followers[lane].removeAll(keepingCapacity: true)
        // The lane was kept from the dispatch on.
        let longest = SchedulerConfiguration.longestTime.rawValue
        let sinceDispatch = now - batching.dispatchTimes[lane]
        let (executionTime, kept) = (
            ownTime(executionTime, of: leader, on: lane),
            min(ownTime(max(executionTime, sinceDispatch), of: leader, on: lane), longest)
        )
        if members.count > 1 { batching.record(kept, of: first, jobs: members.count, stage: stage) }
        let cost = batching.cost(kept, of: first, jobs: members.count, stage: stage)
        var learnt: [Int] = []
        for member in members {
            let task = instances[member].task
            let place = tasks[task].firstStage + stage
            contexts[instances[member].context].work -= batching.costs[place]
            let limit = tasks[task].longestSample
            if members.count == 1 { tasks[task].mret += times.record(min(executionTime, limit), stage: place) }
            // A task learns once from a batch, whatever the number of its jobs in it.
            if !learnt.contains(task) {
                learnt.append(task)
                changeCost(of: stage, task, by: batching.costs.record(min(cost, limit), stage: place), except: member)
            }
            instances[member].runsAlone = false
        }
        let waitsLong = hasLongWaitingHigh(on: instances[leader].context)
        for member in members { passStage(member) }
        let going = members.filter { instances[$0].phase == .ready }
        if options.follows(.cohesion), members.count > 1, going.count > 1, !partition.isExpress(lane), !waitsLong,
            batching.sizes(of: first).contains(going.count)
        {
            batching.goingOn = (lane, going)
        }
    }

    /// The stage of a lane has failed: that ends a job that ran alone; jobs that ran together go again, each alone.
    mutating func fail(_ leader: Int, lane: Int) {
        guard batching.isOn, !batching.followers[lane].isEmpty else { return owe(leader, .failed, .stageFailed) }
        let members = [leader] + batching.followers[lane]
        batching.followers[lane].removeAll(keepingCapacity: true)
        for member in members {
            let (job, task) = (instances[member], tasks[instances[member].task])
            instances[member].runsAlone = true
            if job.isCancelled {
                owe(member, .dropped, .cancelled)
            } else if task.dropsLateJobs && job.release.deadline <= now {
                owe(member, .dropped, .deadlinePassed)
            } else {
                makeReady(member, predecessorWasLate: job.predecessorWasLate)
            }
        }
    }
}
