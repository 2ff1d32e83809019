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
            if let index = free(lane, of: job) {
                complete(index, lane: lane, executionTime: Self.clamped(executionTime.rawValue))
            }
        case .stageFailed(let lane, let job):
            if let index = free(lane, of: job) { fail(index, lane: lane) }
        case .jobCancelled(let job):
            guard tasks.indices.contains(job.task) else { return }
            if let index = inFlight(job), instances[index].phase == .running {
                instances[index].isCancelled = true
            } else {
                cause = .cancellation(job)
            }
        case .timerFired:
            wake = .max
            cause = .timer
        case .contextLost(let context): lose(context)
        case .contextRestored(let context): restore(context)
        case .taskRemoved(let task):
            guard tasks.indices.contains(task), tasks[task].isEnabled else { return }
            if tasks[task].isHigh {
                for job in tasks[task].jobs { contexts[instances[job].home].highPriority -= tasks[task].utilisation }
            }
            tasks[task].isEnabled = false
            cause = .taskRemoved(task)
        case .taskAdded(let task): add(task)
        }
    }

    /// No deadline and no execution time is below zero or above a day.
    private static func clamped(_ time: Int64) -> Int64 { min(max(time, 0), 86_400_000_000_000) }

    // MARK: - Stages

    /// Makes a lane idle if it runs a stage of this job, and returns the job's index; news of any other is stale.
    private mutating func free(_ lane: Int, of job: JobID) -> Int? {
        guard lanes.indices.contains(lane), let index = inFlight(job), lanes[lane] == index else { return nil }
        lanes[lane] = -1
        count(lane, index, by: -1)
        return index
    }

    /// Counts a lane that starts (1) or has ended (-1) a stage of a job.
    mutating func count(_ lane: Int, _ index: Int, by count: Int) {
        let (isExpress, isHigh, now) = (partition.isExpress(lane), isHigh(index), now)
        change(instances[index].context) {
            $0.countTaken(until: now)
            if isExpress {
                $0.onExpress += count
            } else if isHigh {
                $0.highOnOrdinary += count
            } else {
                $0.lowOnOrdinary += count
            }
        }
    }

    func isHigh(_ job: Int) -> Bool { tasks[instances[job].task].isHigh }

    /// What the end of a stage teaches of its time: of an LP stage under express stages what is left without what these took, at
    /// most the time since its dispatch.
    func ownTime(_ executionTime: Int64, of index: Int, on lane: Int) -> Int64 {
        guard !starts.isEmpty, !isHigh(index) else { return executionTime }
        let taken = contexts[instances[index].context].taken - starts[lane].taken
        return taken == 0 ? executionTime : min(executionTime, max(0, now - starts[lane].time - taken))
    }

    private mutating func complete(_ index: Int, lane: Int, executionTime: Int64) {
        if batching.isOn { return completeTogether(index, lane: lane, executionTime: executionTime) }
        let (task, stage) = (instances[index].task, instances[index].stage)
        let place = tasks[task].firstStage + stage
        contexts[instances[index].context].work -= times[place]
        let executionTime = ownTime(executionTime, of: index, on: lane)
        let change = times.record(min(executionTime, tasks[task].longestSample), stage: place)
        tasks[task].mret += change
        changeCost(of: stage, task, by: change, except: index)
        passStage(index)
    }

    /// What a stage adds to the work of its context.
    func load(of stage: Int) -> Int64 { batching.isOn ? batching.costs[stage] : times[stage] }

    /// A job has a stage behind it.
    mutating func passStage(_ index: Int) {
        let wasLate = now > instances[index].due
        instances[index].stage += 1
        let (job, task) = (instances[index], tasks[instances[index].task])
        if job.stage == task.stageCount {
            owe(index, .completed, now > job.release.deadline ? .late : .onTime)
        } else if job.isCancelled {
            owe(index, .dropped, .cancelled)
        } else if task.dropsLateJobs && job.release.deadline <= now {
            owe(index, .dropped, .deadlinePassed)
        } else {
            makeReady(index, predecessorWasLate: wasLate)
        }
    }

    /// A stage of a task costs more, or less: in its utilisation, and in the work of its jobs in flight that have the stage
    /// before them, except one.
    mutating func changeCost(of stage: Int, _ index: Int, by change: Int64, except job: Int) {
        guard change != 0 else { return }
        let before = tasks[index].utilisation
        tasks[index].cost += change
        tasks[index].updateUtilisation()
        let (task, gained) = (tasks[index], tasks[index].utilisation - before)
        for other in task.jobs {
            let isInFlight = instances[other].phase != .idle
            if isInFlight && other != job && instances[other].stage <= stage {
                contexts[instances[other].context].work += change
            }
            if !task.isHigh {
                if isInFlight { contexts[instances[other].context].activeLowPriority += gained }
            } else if task.isEnabled {
                contexts[instances[other].home].highPriority += gained
            }
        }
    }

    mutating func owe(_ index: Int, _ fate: JobFate, _ reason: FateReason) {
        instances[index].phase = .ending
        instances[index].owedFate = fate
        instances[index].owedReason = reason
        owed += 1
    }

    // MARK: - Contexts and tasks that go and come

    private mutating func lose(_ context: Int) {
        guard contexts.indices.contains(context), contexts[context].isAlive else { return }
        cause = .contextLost(context)
        let now = now
        change(context) {
            $0.countTaken(until: now)
            $0.isAlive = false
            ($0.highOnOrdinary, $0.lowOnOrdinary, $0.onExpress) = (0, 0, 0)
        }
        for lane in partition.lanes(of: context) {
            lanes[lane] = -1
            if batching.isOn { batching.followers[lane].removeAll(keepingCapacity: true) }
        }
        placeHomeless()
    }

    private mutating func restore(_ context: Int) {
        guard contexts.indices.contains(context), !contexts[context].isAlive else { return }
        change(context) { $0.isAlive = true }
        for job in instances.indices where isEnabled(job) && instances[job].place == context { move(job, to: context) }
        placeHomeless()
    }

    /// HP before LP, each by descending utilisation, each to the live context with the least utilisation.
    private mutating func placeHomeless() {
        place(instances.indices.filter { isEnabled($0) && !contexts[instances[$0].home].isAlive }) {
            auditor, job, context in
            auditor.move(job, to: context)
        }
    }

    private mutating func place(_ jobs: [Int], _ take: (inout Auditor, Int, Int) -> Void) {
        guard contexts.contains(where: \.isAlive) else { return }
        var loads = loads()
        for job in jobs.sorted(by: { isPlacedBefore($0, $1) }) {
            let context =
                contexts.indices.filter { contexts[$0].isAlive }.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
            loads[context] += tasks[instances[job].task].utilisation
            take(&self, job, context)
        }
    }

    private func isPlacedBefore(_ a: Int, _ b: Int) -> Bool {
        let (first, second) = (tasks[instances[a].task], tasks[instances[b].task])
        if first.isHigh != second.isHigh { return first.isHigh }
        if first.utilisation != second.utilisation { return first.utilisation > second.utilisation }
        return a < b
    }

    private mutating func add(_ index: Int) {
        guard tasks.indices.contains(index), !tasks[index].isEnabled else { return }
        place(Array(tasks[index].jobs)) { auditor, job, context in
            auditor.instances[job].place = context
            auditor.instances[job].home = context
        }
        tasks[index].isEnabled = true
        guard tasks[index].isHigh else { return }
        for job in tasks[index].jobs { contexts[instances[job].home].highPriority += tasks[index].utilisation }
    }

    /// Whether the task of an instance is in, and has that instance.
    private func isEnabled(_ job: Int) -> Bool {
        let task = tasks[instances[job].task]
        return task.isEnabled && task.jobs.contains(job)
    }

    /// Utilisation of the tasks that are enabled, by context.
    func loads() -> [Int64] {
        var loads = [Int64](repeating: 0, count: contexts.count)
        for job in instances.indices where isEnabled(job) {
            loads[instances[job].home] += tasks[instances[job].task].utilisation
        }
        return loads
    }

    private mutating func move(_ job: Int, to home: Int) {
        let task = tasks[instances[job].task]
        if task.isHigh {
            contexts[instances[job].home].highPriority -= task.utilisation
            contexts[home].highPriority += task.utilisation
        }
        instances[job].home = home
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
        instances[index].predecessorWasLate = predecessorWasLate
        let job = instances[index]
        let task = tasks[job.task]
        if task.dropsLateJobs { needingWake.append(job.task) }
        var (level, due) = (0, job.release.deadline)
        switch options.policy {
        case .daris:
            due = job.virtualDeadline
            if options.fixedPriority {
                let isLast = options.lastStageLevel && job.stage == task.stageCount - 1
                let isLate = options.lateLevel && predecessorWasLate
                level =
                    published.lateBeforeLast && !task.isHigh
                    ? lateFirstLevel(isLast: isLast, isLate: isLate)
                    : (task.isHigh ? 0 : 4) + (isLast ? 0 : 2) + (isLate ? 0 : 1)
            }
        case .edf: break
        case .fifo: due = job.release.release
        }
        instances[index].due = due
        instances[index].phase = .ready
        instances[index].readyIndex = contexts[job.context].ready.count
        change(job.context) {
            $0.ready.append(
                AuditedRank(level: level, isHigh: task.isHigh, due: due, release: job.release.release, job: index))
            if task.isHigh { $0.highReady += 1 }
        }
    }

    mutating func takeFromReady(_ index: Int) {
        let (context, place) = (instances[index].context, instances[index].readyIndex)
        change(context) {
            if $0.ready[place].isHigh { $0.highReady -= 1 }
            let last = $0.ready.removeLast()
            if place < $0.ready.count { $0.ready[place] = last }
        }
        if place < contexts[context].ready.count { instances[contexts[context].ready[place].job].readyIndex = place }
    }
}
