@testable import DarisCore

/// The rule of batching (docs/decisions/0010), as plainly as it can be said.
extension ReferenceScheduler {
    var isBatching: Bool { options.policy == .daris && options.batching != nil && configuration.batchGroups != nil }

    /// The numbers of jobs that a task's group was measured with.
    func sizes(_ task: Int) -> [BatchGroup.Size] {
        guard let group = specifications[task].batchGroup else { return [] }
        return configuration.batchGroups![group].sizes.filter {
            $0.jobs <= options.batching! || has(.ignoresLargestBatch)
        }
    }

    func batchTime(_ task: Int, _ size: BatchGroup.Size, _ stage: Int) -> Int64 {
        recent(batchHistory[[specifications[task].batchGroup!, size.jobs, stage]] ?? [], size.afet[stage].rawValue)
    }

    /// 5/4 of the mean of the last w_s, AFET before there are any; the maximum of all where nothing is forgotten.
    func recentCost(_ samples: [Int64], _ afet: Int64) -> Int64 {
        if options.worstCaseExecutionTime || samples.isEmpty || has(.largestCost) { return recent(samples, afet) }
        let last = samples.suffix(options.windowSize)
        return last.reduce(0, +) * 5 / (4 * Int64(last.count))
    }

    /// The job that was dispatched and those that run with it, in the order in which they joined.
    func members(of leader: JobID) -> [JobID] { [leader] + (companions[leader] ?? []) }

    /// When a batch with this job's stage must be over.
    func bound(_ job: Job) -> Int64 {
        if has(.ignoresBounds) { return .max }
        let task = job.id.task
        let alone = now + mret(task, job.stage)
        if alone <= job.due[job.stage] { return job.due[job.stage] }
        let rest = (job.stage + 1..<job.due.count).reduce(0) { $0 + mret(task, $1) }
        return alone <= job.deadline - rest ? job.deadline - rest : .max
    }

    /// Has jobs run with the one that is about to be dispatched on a lane, and returns them.
    mutating func gather(_ index: Int, _ lane: Int) -> [JobID] {
        let leader = inFlight[index]
        let group = specifications[leader.id.task].batchGroup
        guard group != nil, !leader.runsAlone else { return [] }
        let others = ready(leader.context).filter { other in
            (specifications[other.id.task].batchGroup == group || has(.mixesGroups))
                && (other.stage == leader.stage || has(.mixesStages)) && (!other.runsAlone || has(.forgetsFailure))
        }
        for size in sizes(leader.id.task).reversed() {
            let end = now + batchTime(leader.id.task, size, leader.stage)
            guard end <= (has(.ignoresLeader) ? .max : bound(leader)) else { continue }
            var able = others.filter { end <= bound($0) }
            if has(.joinsLastFirst) { able.reverse() }
            if has(.joinsAnySize) ? able.isEmpty : able.count < size.jobs - 1 { continue }
            for member in able.prefix(size.jobs - 1) {
                let place = inFlight.firstIndex { $0.id == member.id }!
                inFlight[place].lane = lane
                inFlight[place].leader = leader.id
                companions[leader.id, default: []].append(member.id)
            }
            return able.prefix(size.jobs - 1).map(\.id)
        }
        return []
    }

    mutating func completeTogether(_ members: [JobID], _ lane: Int, _ executionTime: Int64) {
        let leader = inFlight.first { $0.id == members[0] }!
        companions[leader.id] = nil
        // The lane was kept from the dispatch on.
        let kept =
            has(.ignoresWaits)
            ? executionTime : Self.clamped(Nanoseconds(max(executionTime, now - (dispatchTimes[lane] ?? now))))
        if members.count > 1 {
            batchHistory[[specifications[leader.id.task].batchGroup!, members.count, leader.stage], default: []]
                .append(kept)
        }
        // Small batches that keep lanes busy do not mean that there is no room: what a fuller one would cost counts.
        var cost = kept / Int64(members.count)
        let group = specifications[leader.id.task].batchGroup
        let tasksOnEach = specifications.count { $0.batchGroup == group } / configuration.partition.contexts
        let largest = sizes(leader.id.task).last?.jobs ?? 0
        for size in sizes(leader.id.task) where size.jobs <= min(largest / 4, tasksOnEach / 4) {
            cost = min(cost, batchTime(leader.id.task, size, leader.stage) / Int64(size.jobs))
        }
        for id in members {
            let index = inFlight.firstIndex { $0.id == id }!
            if members.count == 1 || has(.batchTimeIsMRET) { history[id.task][leader.stage].append(executionTime) }
            costs[id.task][leader.stage].append(has(.chargesWhole) ? kept : cost)
            inFlight[index].lane = nil
            inFlight[index].leader = nil
            inFlight[index].runsAlone = false
            inFlight[index].predecessorWasLate = now > leader.due[leader.stage]
            if id != leader.id { inFlight[index].predecessorWasLate = now > inFlight[index].due[leader.stage] }
            inFlight[index].stage += 1
        }
        endOf(members, lane)
    }

    mutating func failTogether(_ members: [JobID], _ lane: Int) {
        companions[members[0]] = nil
        for id in members {
            let index = inFlight.firstIndex { $0.id == id }!
            inFlight[index].lane = nil
            inFlight[index].leader = nil
            inFlight[index].runsAlone = true
        }
        if has(.failureEndsBatch) {
            for id in members { conclude(inFlight.firstIndex { $0.id == id }!, .failed, .stageFailed) }
            for id in members { startWaiting(id.task, lane: lane) }
            return dispatch(lane / streams, lane: lane)
        }
        endOf(members, lane)
    }

    /// Ends those of the jobs that go no further, then starts the releases behind them.
    private mutating func endOf(_ members: [JobID], _ lane: Int) {
        var ended: [Int] = []
        for id in members {
            let index = inFlight.firstIndex { $0.id == id }!
            let job = inFlight[index]
            if job.stage == job.due.count {
                conclude(index, .completed, now > job.deadline ? .late : .onTime)
            } else if job.isCancelled {
                conclude(index, .dropped, .cancelled)
            } else if drops(id.task) && job.deadline <= now {
                conclude(index, .dropped, .deadlinePassed)
            } else {
                continue
            }
            ended.append(id.task)
        }
        for task in ended { startWaiting(task, lane: lane) }
        dispatch(lane / streams, lane: lane)
    }
}
