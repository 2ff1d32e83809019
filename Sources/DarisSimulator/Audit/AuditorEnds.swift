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
        if tasks[index].isInFlight(job.sequence) {
            try endInFlight(index, outcome)
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
        let task = tasks[index]
        try checkFacts(index, task.job, outcome)
        if task.phase == .ending {
            try check(index, task.job, outcome, must: task.owedFate, task.owedReason)
            owed -= 1
        } else {
            guard let (fate, reason) = earlyEnd(index) else {
                throw violation(
                    outcome.fate == .failed ? .containment : .jobFates,
                    "\(name(index, task.job)) ended as \(outcome.fate), and nothing had happened to it")
            }
            try check(index, task.job, outcome, must: fate, reason)
            if task.phase == .ready { takeFromReady(index) }
        }
        for stage in task.stage..<task.stageCount { contexts[task.context].work -= load(of: task.firstStage + stage) }
        if !task.isHigh { contexts[task.context].activeLowPriority -= task.utilisation }
        learnCaution(index, task.job, outcome.reason)
        tasks[index].phase = .idle
        if !waiting[index].isEmpty { stalledTasks += 1 }
    }

    /// How a job in flight ends that is neither complete nor its stage's failure.
    private func earlyEnd(_ index: Int) -> (JobFate, FateReason)? {
        let task = tasks[index]
        switch cause {
        case .cancellation(let job):
            return job.task == index && task.isInFlight(job.sequence) ? (.dropped, .cancelled) : nil
        case .timer:
            let isOverdue = task.phase == .ready && task.dropsLateJobs && task.job.deadline <= now
            return isOverdue ? (.dropped, .deadlinePassed) : nil
        case .contextLost(let context): return task.context == context ? (.failed, .contextLost) : nil
        case .none, .taskRemoved: return nil
        }
    }

    /// A release that is answered without getting in flight.
    private mutating func endReleased(_ index: Int, _ outcome: JobOutcome) throws(Violation) {
        let task = tasks[index]
        try checkFacts(index, pending, outcome)
        if !task.isIn {
            try check(index, pending, outcome, must: .rejected, .taskRemoved)
        } else if task.phase == .idle {
            try checkStart(index, pending, outcome)
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
        if tasks[index].phase == .idle && place == 0 {
            try checkStart(index, release, outcome)
            waiting[index].remove(at: place)
            if waiting[index].isEmpty { stalledTasks -= 1 }
            return
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
        waiting[index].remove(at: place)
    }

    /// A release whose turn it is ends: overdue, with no context left, or turned away by the admission test.
    private mutating func checkStart(
        _ index: Int, _ release: AuditedRelease, _ outcome: JobOutcome
    ) throws(Violation) {
        if tasks[index].dropsLateJobs && release.deadline <= now {
            try check(index, release, outcome, must: .dropped, .deadlinePassed)
        } else if !contexts.contains(where: \.isAlive) {
            try check(index, release, outcome, must: tasks[index].isHigh ? .failed : .rejected, .noContextAlive)
        } else if outcome.fate == .rejected {
            try check(index, release, outcome, must: .rejected, .noContextFits)
            try checkRejection(index, release)
            if options.forgetting && !fitsSomewhereAlone(index) { forget(index) }
            loosenCaution(index)
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
            if outcome.fate == .rejected && fate != .rejected {
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
