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

    /// Whether a stage may start on a lane, whoever goes first.
    func checkStart(_ job: JobID, stage: Int, lane: Int) throws(Violation) {
        let index = job.task
        guard tasks.indices.contains(index), tasks[index].isInFlight(job.sequence) else {
            throw violation(.stageOrder, "a stage of \(name(job)) was started, which is not in flight")
        }
        try require(
            lanes.indices.contains(lane), .stageOrder, "\(name(job)) was started on lane \(lane), which does not exist")
        try require(
            lanes[lane] < 0, .stageOrder, "\(name(job)) was started on lane \(lane), where task \(lanes[lane]) runs")
        if tasks[index].phase == .ending { throw unpaid(index) }
        try require(
            tasks[index].phase == .ready, .stageOrder, "a stage of \(name(job)) was started, which is not ready")
        try require(
            tasks[index].stage == stage, .stageOrder,
            "stage \(stage) of \(name(job)) was started, but stage \(tasks[index].stage) is next")
        let context = tasks[index].context
        try require(
            context * streams <= lane && lane < (context + 1) * streams, .stageOrder,
            "\(name(job)) is on context \(context), but was started on lane \(lane)")
        try require(
            contexts[context].isAlive, .containment, "\(name(job)) was started on the lost context \(context)")
    }

    private mutating func start(_ dispatch: Dispatch) throws(Violation) {
        let lane = dispatch.lane
        guard let job = dispatch.jobs.first else {
            throw violation(.stageOrder, "a stage of no job was started on lane \(lane)")
        }
        for job in dispatch.jobs { try checkStart(job, stage: dispatch.stage, lane: lane) }
        let (index, context) = (job.task, tasks[job.task].context)
        try checkOrder(index, context)
        let others = dispatch.jobs.dropFirst().map(\.task)
        if batching.isOn {
            batching.dispatchTimes[lane] = now
            try startBatch(index, others, lane: lane)
        } else {
            try require(others.isEmpty, .batching, "tasks \(others) run with task \(index), though batching is off")
        }

        takeFromReady(index)
        tasks[index].phase = .running
        lanes[lane] = index
        change(context) { $0.idleLanes -= 1 }
    }

    private func checkOrder(_ index: Int, _ context: Int) throws(Violation) {
        let chosen = contexts[context].ready[tasks[index].readyIndex]
        for place in contexts[context].ready.indices {
            let other = contexts[context].ready[place]
            try require(
                !other.outranks(chosen), .dispatchOrder,
                """
                a stage of task \(index) (level \(chosen.level), due at \(chosen.due) ns) was started on context \(context) \
                before one of task \(other.task) (level \(other.level), due at \(other.due) ns)
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
        try require(task.isIn, .jobFates, "\(name(job)) was queued, though its task was removed")
        try require(task.phase != .idle, .jobFates, "\(name(job)) was queued behind no job")
        try require(
            waiting[index].count < task.queueLimit, .jobFates,
            "\(name(job)) was queued, though \(waiting[index].count) wait and the limit is \(task.queueLimit)")
        waiting[index].append(pending)
        releasedTask = -1
        if task.dropsLateJobs { needingWake.append(index) }
    }

    private mutating func admit(_ job: JobID, to context: Int, migrated: Bool) throws(Violation) {
        let index = job.task
        guard tasks.indices.contains(index), tasks[index].phase == .idle else {
            throw violation(.jobFates, "\(name(job)) was admitted, though its task's previous job is in flight")
        }
        let isReleased = index == releasedTask && job.sequence == pending.sequence
        let release: AuditedRelease
        if isReleased {
            release = pending
        } else if let first = waiting[index].first, first.sequence == job.sequence {
            release = first
        } else {
            throw violation(.jobFates, "\(name(job)) was admitted, whose turn it is not")
        }
        try require(tasks[index].isIn, .jobFates, "\(name(job)) was admitted, though its task was removed")
        try require(
            !tasks[index].dropsLateJobs || release.deadline > now, .jobFates,
            "\(name(job)) was admitted, though it should have been dropped at \(release.deadline) ns")
        try checkAdmission(index, to: context, migrated: migrated)

        if isReleased {
            releasedTask = -1
        } else {
            waiting[index].remove(at: 0)
            stalledTasks -= 1
        }
        tasks[index].job = release
        tasks[index].context = context
        tasks[index].stage = 0
        tasks[index].isCancelled = false
        if !tasks[index].isHigh { contexts[context].activeLowPriority += tasks[index].utilisation }
        contexts[context].work += tasks[index].cost
        tasks[index].runsAlone = false
        var sum: Int64 = 0
        for stage in tasks[index].firstStage..<tasks[index].firstStage + tasks[index].stageCount {
            sum += times[stage]
            sums[stage] = sum
        }
        makeReady(index, predecessorWasLate: false)
    }
}
