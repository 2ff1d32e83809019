import DarisCore

/// Whether each job ends as it must.
extension Auditor {
    mutating func end(_ outcome: JobOutcome) throws(Violation) {
        let (index, job) = (outcome.job.task, outcome.job)
        guard tasks.indices.contains(index) else {
            throw violation(.jobFates, "\(name(job)) ended, whose task does not exist")
        }
        try require(
            outcome.fate != .rejected || outcome.reason == .taskRemoved || !tasks[index].isHigh, .admission,
            "\(name(job)) was rejected, and it is HP")
        if let found = inFlight(job) {
            try endInFlight(found, outcome)
        } else if index == releasedTask && job.sequence == pending.sequence {
            try endReleased(index, outcome)
        } else if let place = waiting[index].firstIndex(where: { $0.sequence == job.sequence }) {
            try endWaiting(index, at: place, outcome)
        } else {
            throw violation(.jobFates, "\(name(job)) ended, which had ended before or was never released")
        }
        countEnd(outcome.fate)
    }

    /// A job in flight ends when the present event says so, and as it says.
    private mutating func endInFlight(_ index: Int, _ outcome: JobOutcome) throws(Violation) {
        let job = instances[index]
        let task = tasks[job.task]
        try checkFacts(job.task, job.release, outcome)
        if job.phase == .ending {
            try check(job.task, job.release, outcome, must: job.owedFate, job.owedReason)
            owed -= 1
        } else {
            guard let (fate, reason) = earlyEnd(job) else {
                throw violation(
                    outcome.fate == .failed ? .containment : .jobFates,
                    "\(name(of: index)) ended as \(outcome.fate), and nothing had happened to it")
            }
            try check(job.task, job.release, outcome, must: fate, reason)
            if job.phase == .ready { takeFromReady(index) }
        }
        for stage in job.stage..<task.stageCount { contexts[job.context].work -= load(of: task.firstStage + stage) }
        if !task.isHigh { contexts[job.context].activeLowPriority -= task.utilisation }
        learnSafetyFactor(index, outcome.reason)
        instances[index].phase = .idle
        changeWaiting(of: job.task) { $0.tasks[job.task].inFlight -= 1 }
    }

    /// How a job in flight ends that is neither complete nor its stage's failure.
    private func earlyEnd(_ job: AuditedJob) -> (JobFate, FateReason)? {
        switch cause {
        case .cancellation(let id):
            return id.task == job.task && id.sequence == job.release.sequence ? (.dropped, .cancelled) : nil
        case .timer:
            let isOverdue = job.phase == .ready && tasks[job.task].dropsLateJobs && job.release.deadline <= now
            return isOverdue ? (.dropped, .deadlinePassed) : nil
        case .contextLost(let context): return job.context == context ? (.failed, .contextLost) : nil
        case .none, .taskRemoved: return nil
        }
    }

    /// A release that is answered without getting in flight.
    private mutating func endReleased(_ index: Int, _ outcome: JobOutcome) throws(Violation) {
        let task = tasks[index]
        try checkFacts(index, pending, outcome)
        if !task.isEnabled {
            try check(index, pending, outcome, must: .rejected, .taskRemoved)
        } else if let job = nextInstance(of: index) {
            try checkStart(index, home: instances[job].home, pending, outcome)
        } else {
            try check(
                index, pending, outcome, must: .skipped, task.queueLimit == 0 ? .previousJobInFlight : .queueFull)
            try require(
                waiting[index].count >= task.queueLimit, .jobFates,
                "\(name(index, pending)) was skipped, though \(waiting[index].count) wait and the limit is \(task.queueLimit)"
            )
        }
        releasedTask = -1
    }

    /// A release that waited ends: when its turn comes, or for a cause of its own.
    private mutating func endWaiting(_ index: Int, at place: Int, _ outcome: JobOutcome) throws(Violation) {
        let release = waiting[index][place]
        try checkFacts(index, release, outcome)
        if place == 0, let job = nextInstance(of: index) {
            try checkStart(index, home: instances[job].home, release, outcome)
            return changeWaiting(of: index) { $0.waiting[index].remove(at: place) }
        }
        switch cause {
        case .cancellation(outcome.job): try check(index, release, outcome, must: .dropped, .cancelled)
        case .timer where tasks[index].dropsLateJobs && release.deadline <= now:
            try check(index, release, outcome, must: .dropped, .deadlinePassed)
        case .taskRemoved(index): try check(index, release, outcome, must: .dropped, .taskRemoved)
        default:
            throw violation(
                outcome.fate == .failed ? .containment : .jobFates,
                "\(name(index, release)) ended as \(outcome.fate), though it waits for its task's previous job")
        }
        changeWaiting(of: index) { $0.waiting[index].remove(at: place) }
    }

    /// A release whose turn it is ends: overdue, with no context left, or rejected by the admission test.
    private mutating func checkStart(
        _ index: Int, home: Int, _ release: AuditedRelease, _ outcome: JobOutcome
    ) throws(Violation) {
        if tasks[index].dropsLateJobs && release.deadline <= now {
            try check(index, release, outcome, must: .dropped, .deadlinePassed)
        } else if !contexts.contains(where: \.isAlive) {
            try check(index, release, outcome, must: tasks[index].isHigh ? .failed : .rejected, .noContextAlive)
        } else if outcome.fate == .rejected {
            try check(index, release, outcome, must: .rejected, reasonOfRejection(index, home: home))
            try checkRejection(index, home: home, release)
            if published.rejectionsAge { age(index) }
            if options.forgetting && !fitsSomewhereAlone(index, until: release.deadline) { forget(index) }
            lowerSafetyFactor(of: home)
        } else {
            throw violation(
                outcome.fate == .failed ? .containment : .jobFates,
                "\(name(index, release)) ended as \(outcome.fate) before it started")
        }
    }

    private func check(
        _ index: Int, _ job: AuditedRelease, _ outcome: JobOutcome, must fate: JobFate, _ reason: FateReason
    ) throws(Violation) {
        if outcome.fate == fate && outcome.reason == reason { return }
        let invariant: Violation.Invariant =
            if outcome.fate == .rejected {
                // Wrongly, or for another reason.
                .admission
            } else if outcome.fate == .failed || fate == .failed {
                .containment
            } else {
                .jobFates
            }
        throw violation(
            invariant,
            "\(name(index, job)) ended as \(outcome.fate) (\(outcome.reason)), not as \(fate) (\(reason))")
    }

    /// Whether what is told of a job besides its fate is so.
    private func checkFacts(_ index: Int, _ job: AuditedRelease, _ outcome: JobOutcome) throws(Violation) {
        try require(
            outcome.release.rawValue == job.release && outcome.deadline.rawValue == job.deadline
                && outcome.finish.rawValue == now && (outcome.priority == .high) == tasks[index].isHigh, .jobFates,
            "the release, deadline, end or priority told of \(name(index, job)) is not its own: \(outcome)")
    }
}
