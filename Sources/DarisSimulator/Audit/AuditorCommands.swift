import DarisCore

/// Whether each command is what the rules allow at that moment, and what it changes.
extension Auditor {
    mutating func follow(_ command: Command) throws(Violation) {
        switch command {
        case .admitted(let job, let context, let migrated): try admit(job, to: context, migrated: migrated)
        case .queued(let job): try queue(job)
        case .dispatch(let dispatch): try start(dispatch)
        case .finished(let outcome): try end(outcome)
        case .wake(let time):
            if time.rawValue > wake { allNeedWake = true }
            wake = time.rawValue
        }
    }

    // MARK: - Lanes

    /// Whether a stage may start on a lane, whatever the order.
    func checkStart(_ job: JobID, stage: Int, lane: Int) throws(Violation) {
        guard let index = inFlight(job) else {
            throw violation(.stageOrder, "a stage of \(name(job)) was started, which is not in flight")
        }
        try require(
            lanes.indices.contains(lane), .stageOrder, "\(name(job)) was started on lane \(lane), which does not exist")
        try require(
            lanes[lane] < 0, .stageOrder,
            "\(name(job)) was started on lane \(lane), where \(name(of: lanes[lane])) runs")
        if instances[index].phase == .ending { throw unpaid(index) }
        try require(
            instances[index].phase == .ready, .stageOrder, "a stage of \(name(job)) was started, which is not ready")
        try require(
            instances[index].stage == stage, .stageOrder,
            "stage \(stage) of \(name(job)) was started, but stage \(instances[index].stage) is next")
        let context = instances[index].context
        try require(
            partition.lanes(of: context).contains(lane), .stageOrder,
            "\(name(job)) is on context \(context), but was started on lane \(lane)")
        try require(
            contexts[context].isAlive, .containment, "\(name(job)) was started on the lost context \(context)")
    }

    private mutating func start(_ dispatch: Dispatch) throws(Violation) {
        let lane = dispatch.lane
        for job in dispatch.jobs { try checkStart(job, stage: dispatch.stage, lane: lane) }
        try checkInstances(dispatch)
        let jobs = dispatch.jobs.compactMap { inFlight($0) }
        guard let index = jobs.first else {
            throw violation(.stageOrder, "a stage of no job was started on lane \(lane)")
        }
        let (context, others) = (instances[index].context, Array(jobs.dropFirst()))
        try checkLane(index, others, lane)
        if batching.goingOn.jobs.isEmpty { try checkOrder(index, context) }
        if batching.isOn {
            batching.dispatchTimes[lane] = now
            try startBatch(index, others, lane: lane)
        } else {
            try require(
                others.isEmpty, .batching, "\(names(others)) run with \(name(of: index)), though batching is off")
        }

        takeFromReady(index)
        instances[index].phase = .running
        lanes[lane] = index
        count(lane, index, by: 1)
        if !starts.isEmpty { starts[lane] = (now, contexts[context].taken) }
    }

    /// Whether the jobs that share a lane, or a device, are told apart.
    private func checkInstances(_ dispatch: Dispatch) throws(Violation) {
        for (place, job) in dispatch.jobs.enumerated() {
            let instance = dispatch.jobs.instance(at: place)
            try require(
                inFlight(job) == instance, .stageOrder,
                "\(name(job)) was started as instance \(instance), which it is not")
        }
    }

    /// Whether the stages of some jobs may run on a lane of their context: on an express lane HP alone, while no ordinary lane is
    /// free; N_s HP stages of a context at most, over all its lanes.
    private func checkLane(_ leader: Int, _ others: [Int], _ lane: Int) throws(Violation) {
        let context = contexts[instances[leader].context]
        if partition.isExpress(lane) {
            for job in [leader] + others {
                try require(
                    isHigh(job), .expressLanes, "\(name(of: job)), which is LP, runs on the express lane \(lane)")
            }
            try require(
                !context.hasOrdinaryLane, .expressLanes,
                "\(name(of: leader)) runs on the express lane \(lane), though an ordinary lane of its context is free")
        }
        guard context.express > 0 else { return }
        try require(
            !isHigh(leader) || context.highOnOrdinary + context.onExpress < context.streams, .expressLanes,
            "\(name(of: leader)) runs as one HP stage more than the \(context.streams) streams of its context")
        for job in others where isHigh(job) {
            try require(isHigh(leader), .expressLanes, "\(name(of: job)) runs under an LP stage, and it is HP")
        }
    }

    private func checkOrder(_ index: Int, _ context: Int) throws(Violation) {
        let chosen = contexts[context].ready[instances[index].readyIndex]
        // An unripe stage is passed over, unless all are that may start there: those of one priority where HP and LP start on
        // different lanes.
        let isPassing = contexts[context].ready.contains { other in
            (partition.express == 0 || other.isHigh == chosen.isHigh) && !isUnripe(other.job)
        }
        try require(
            !isPassing || !isUnripe(index), .dispatchOrder,
            "a first stage of \(name(of: index)) was started, though it is unripe and other stages are not")
        // What may not start now is not passed over.
        let waitsForHigh = partition.express > 0 && !contexts[context].startsHigh
        for place in contexts[context].ready.indices {
            let other = contexts[context].ready[place]
            let isPassed =
                isPassing && (partition.express == 0 || other.isHigh == chosen.isHigh) && isUnripe(other.job)
            try require(
                other.isHigh && waitsForHigh || isPassed || !other.outranks(chosen), .dispatchOrder,
                """
                a stage of \(name(of: index)) (level \(chosen.level), due at \(chosen.due) ns) was started on context \(context) \
                before one of \(name(of: other.job)) (level \(other.level), due at \(other.due) ns)
                """)
        }
    }

    // MARK: - Releases

    private mutating func queue(_ job: JobID) throws(Violation) {
        let index = job.task
        guard index == releasedTask, job.sequence == pending.sequence else {
            throw violation(.jobFates, "\(name(job)) was queued, which was not released just now")
        }
        let task = tasks[index]
        try require(task.isEnabled, .jobFates, "\(name(job)) was queued, though its task was removed")
        try require(!task.hasRoom, .jobFates, "\(name(job)) was queued, though its task has room for it")
        try require(
            waiting[index].count < task.queueLimit, .jobFates,
            "\(name(job)) was queued, though \(waiting[index].count) wait and the limit is \(task.queueLimit)")
        waiting[index].append(pending)
        releasedTask = -1
        if task.dropsLateJobs { needingWake.append(index) }
    }

    private mutating func admit(_ id: JobID, to context: Int, migrated: Bool) throws(Violation) {
        let index = id.task
        guard tasks.indices.contains(index), let job = nextInstance(of: index) else {
            throw violation(.jobFates, "\(name(id)) was admitted, though its task has as many jobs in flight as it may")
        }
        let isReleased = index == releasedTask && id.sequence == pending.sequence
        let release: AuditedRelease
        if isReleased {
            release = pending
        } else if let first = waiting[index].first, first.sequence == id.sequence {
            release = first
        } else {
            throw violation(.jobFates, "\(name(id)) was admitted, whose turn it is not")
        }
        try require(tasks[index].isEnabled, .jobFates, "\(name(id)) was admitted, though its task was removed")
        try require(
            !tasks[index].dropsLateJobs || release.deadline > now, .jobFates,
            "\(name(id)) was admitted, though it should have been dropped at \(release.deadline) ns")
        try checkAdmission(index, release, home: instances[job].home, to: context, migrated: migrated)

        changeWaiting(of: index) {
            if isReleased { $0.releasedTask = -1 } else { $0.waiting[index].remove(at: 0) }
            $0.tasks[index].inFlight += 1
        }
        if migrated && published.movesHomes { (instances[job].home, instances[job].place) = (context, context) }
        instances[job].release = release
        instances[job].context = context
        instances[job].stage = 0
        instances[job].isCancelled = false
        if !tasks[index].isHigh { contexts[context].activeLowPriority += tasks[index].utilisation }
        contexts[context].work += tasks[index].cost
        instances[job].runsAlone = false
        var sum: Int64 = 0
        for stage in 0..<tasks[index].stageCount {
            sum += times[tasks[index].firstStage + stage]
            instances[job].sums[stage] = sum
        }
        makeReady(job, predecessorWasLate: false)
    }

    /// Changes what waits behind a task, or how many jobs it has, and keeps count of the tasks that have room for what waits.
    mutating func changeWaiting(of index: Int, _ change: (inout Auditor) -> Void) {
        let before = tasks[index].hasRoom && !waiting[index].isEmpty
        change(&self)
        let after = tasks[index].hasRoom && !waiting[index].isEmpty
        stalledTasks += (after ? 1 : 0) - (before ? 1 : 0)
    }
}
