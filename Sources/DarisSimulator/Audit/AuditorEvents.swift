import DarisCore

/// What events change, before any decision.
extension Auditor {
    mutating func take(_ event: Event, at time: Int64) throws(Violation) {
        if time > now { now = time }
        cause = .none
        switch event {
        case .jobReleased(let task, let relativeDeadline):
            try require(
                tasks.indices.contains(task), .jobFates, "a job of task \(task) was released, which does not exist")
            let deadline = relativeDeadline.map { Self.clamped($0.rawValue) } ?? tasks[task].relativeDeadline
            pending = AuditedRelease(sequence: tasks[task].released, release: time, deadline: time + deadline)
            releasedTask = task
            tasks[task].released += 1
            countRelease()
        case .stageCompleted(let lane, let job, let executionTime):
            if free(lane, of: job) {
                complete(job.task, lane: lane, executionTime: Self.clamped(executionTime.rawValue))
            }
        case .stageFailed(let lane, let job):
            if free(lane, of: job) { fail(job.task, lane: lane) }
        case .jobCancelled(let job):
            guard tasks.indices.contains(job.task) else { return }
            if tasks[job.task].isInFlight(job.sequence) && tasks[job.task].phase == .running {
                tasks[job.task].isCancelled = true
            } else {
                cause = .cancellation(job)
            }
        case .timerFired:
            wake = .max
            cause = .timer
        case .contextLost(let context): lose(context)
        case .contextRestored(let context): restore(context)
        case .taskRemoved(let task):
            guard tasks.indices.contains(task), tasks[task].isIn else { return }
            if tasks[task].isHigh { contexts[tasks[task].home].highPriority -= tasks[task].utilisation }
            tasks[task].isIn = false
            cause = .taskRemoved(task)
        case .taskAdded(let task): add(task)
        }
    }

    /// No deadline and no execution time is below zero or above a day.
    private static func clamped(_ time: Int64) -> Int64 { min(max(time, 0), 86_400_000_000_000) }

    // MARK: - Stages

    /// Makes a lane idle if it runs a stage of this job; news of any other is stale.
    private mutating func free(_ lane: Int, of job: JobID) -> Bool {
        guard lanes.indices.contains(lane), job.task >= 0, lanes[lane] == job.task,
            tasks[job.task].isInFlight(job.sequence)
        else { return false }
        lanes[lane] = -1
        change(tasks[job.task].context) { $0.idleLanes += 1 }
        return true
    }

    private mutating func complete(_ index: Int, lane: Int, executionTime: Int64) {
        if batching.isOn { return completeTogether(index, lane: lane, executionTime: executionTime) }
        let stage = tasks[index].firstStage + tasks[index].stage
        contexts[tasks[index].context].work -= times[stage]
        let change = times.record(executionTime, stage: stage)
        tasks[index].mret += change
        if change != 0 { changeCost(index, by: change) }
        passStage(index)
    }

    /// What a stage adds to the work of its context.
    func load(of stage: Int) -> Int64 { batching.isOn ? batching.costs[stage] : times[stage] }

    /// A job has a stage behind it.
    mutating func passStage(_ index: Int) {
        let wasLate = now > tasks[index].due
        tasks[index].stage += 1
        if tasks[index].stage == tasks[index].stageCount {
            owe(index, .completed, now > tasks[index].job.deadline ? .late : .onTime)
        } else if tasks[index].isCancelled {
            owe(index, .dropped, .cancelled)
        } else if tasks[index].dropsLateJobs && tasks[index].job.deadline <= now {
            owe(index, .dropped, .deadlinePassed)
        } else {
            makeReady(index, predecessorWasLate: wasLate)
        }
    }

    mutating func changeCost(_ index: Int, by change: Int64) {
        let before = tasks[index].utilisation
        tasks[index].cost += change
        tasks[index].updateUtilisation()
        let gained = tasks[index].utilisation - before
        if !tasks[index].isHigh {
            contexts[tasks[index].context].activeLowPriority += gained
        } else if tasks[index].isIn {
            contexts[tasks[index].home].highPriority += gained
        }
    }

    mutating func owe(_ index: Int, _ fate: JobFate, _ reason: FateReason) {
        tasks[index].phase = .ending
        tasks[index].owedFate = fate
        tasks[index].owedReason = reason
        owed += 1
    }

    // MARK: - Contexts and tasks that go and come

    private mutating func lose(_ context: Int) {
        guard contexts.indices.contains(context), contexts[context].isAlive else { return }
        cause = .contextLost(context)
        let streams = streams
        change(context) {
            $0.isAlive = false
            $0.idleLanes = streams
        }
        for lane in context * streams..<(context + 1) * streams {
            lanes[lane] = -1
            if batching.isOn { batching.followers[lane].removeAll(keepingCapacity: true) }
        }
        placeHomeless()
    }

    private mutating func restore(_ context: Int) {
        guard contexts.indices.contains(context), !contexts[context].isAlive else { return }
        change(context) { $0.isAlive = true }
        for index in tasks.indices where tasks[index].isIn && tasks[index].place == context { move(index, to: context) }
        placeHomeless()
    }

    /// HP before LP, each by descending utilisation, each to the live context with the least utilisation.
    private mutating func placeHomeless() {
        guard contexts.contains(where: \.isAlive) else { return }
        let homeless = tasks.indices.filter { tasks[$0].isIn && !contexts[tasks[$0].home].isAlive }
        guard !homeless.isEmpty else { return }
        var loads = loads()
        for index in homeless.sorted(by: { isPlacedBefore($0, $1) }) {
            let context = lightest(loads)
            loads[context] += tasks[index].utilisation
            move(index, to: context)
        }
    }

    private func isPlacedBefore(_ a: Int, _ b: Int) -> Bool {
        if tasks[a].isHigh != tasks[b].isHigh { return tasks[a].isHigh }
        if tasks[a].utilisation != tasks[b].utilisation { return tasks[a].utilisation > tasks[b].utilisation }
        return a < b
    }

    private mutating func add(_ index: Int) {
        guard tasks.indices.contains(index), !tasks[index].isIn else { return }
        if contexts.contains(where: \.isAlive) {
            tasks[index].place = lightest(loads())
            tasks[index].home = tasks[index].place
        }
        tasks[index].isIn = true
        if tasks[index].isHigh { contexts[tasks[index].home].highPriority += tasks[index].utilisation }
    }

    /// Utilisation of the tasks that are in, by context.
    private func loads() -> [Int64] {
        var loads = [Int64](repeating: 0, count: contexts.count)
        for task in tasks where task.isIn { loads[task.home] += task.utilisation }
        return loads
    }

    private func lightest(_ loads: [Int64]) -> Int {
        contexts.indices.filter { contexts[$0].isAlive }.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
    }

    private mutating func move(_ index: Int, to home: Int) {
        if tasks[index].isHigh {
            contexts[tasks[index].home].highPriority -= tasks[index].utilisation
            contexts[home].highPriority += tasks[index].utilisation
        }
        tasks[index].home = home
    }

    // MARK: - Ready stages

    /// Changes a context and keeps count of those in which a lane idles beside a ready stage.
    @inline(__always)
    mutating func change(_ context: Int, _ change: (inout AuditedContext) -> Void) {
        let before = contexts[context].isStalled
        change(&contexts[context])
        stalledContexts += (contexts[context].isStalled ? 1 : 0) - (before ? 1 : 0)
    }

    mutating func makeReady(_ index: Int, predecessorWasLate: Bool) {
        tasks[index].predecessorWasLate = predecessorWasLate
        let task = tasks[index]
        if task.dropsLateJobs { needingWake.append(index) }
        var (level, due) = (0, task.job.deadline)
        switch options.policy {
        case .daris:
            due = task.virtualDeadline(
                upTo: sums[task.firstStage + task.stage], total: sums[task.firstStage + task.stageCount - 1])
            if options.fixedPriority {
                let isLast = options.lastStageLevel && task.stage == task.stageCount - 1
                let isLate = options.lateLevel && predecessorWasLate
                level = (task.isHigh ? 0 : 4) + (isLast ? 0 : 2) + (isLate ? 0 : 1)
            }
        case .edf: break
        case .fifo: due = task.job.release
        }
        tasks[index].due = due
        tasks[index].phase = .ready
        tasks[index].readyIndex = contexts[task.context].ready.count
        change(task.context) {
            $0.ready.append(AuditedRank(level: level, due: due, release: task.job.release, task: index))
        }
    }

    mutating func takeFromReady(_ index: Int) {
        let (context, place) = (tasks[index].context, tasks[index].readyIndex)
        change(context) {
            let last = $0.ready.removeLast()
            if place < $0.ready.count { $0.ready[place] = last }
        }
        if place < contexts[context].ready.count { tasks[contexts[context].ready[place].task].readyIndex = place }
    }
}
