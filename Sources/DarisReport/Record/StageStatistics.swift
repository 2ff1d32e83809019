import DarisCore

/// Measured execution times against MRET, by task and stage, and the response times of all jobs.
struct StageStatistics {
    /// The figures of a stage.
    struct Stage {
        /// Completed runs alone.
        var alone = 0
        /// Completed runs in batches.
        var batched = 0
        /// The execution times alone: their sum, the shortest and the longest.
        var sum = Nanoseconds.zero
        var least = Nanoseconds.distantFuture
        var most = Nanoseconds.zero
        /// Runs alone that took longer than their MRET.
        var above = 0
        /// MRET at the end of the run.
        var mret = Nanoseconds.zero
    }

    /// The figures by task and stage.
    private(set) var stages: [[Stage]]
    /// Response times of completed jobs by priority.
    private(set) var responses: [[Nanoseconds]] = [[], []]
    /// The same as shares of the deadlines.
    private(set) var shares: [[Double]] = [[], []]

    init(_ configuration: SchedulerConfiguration) {
        stages = configuration.tasks.map { [Stage](repeating: Stage(), count: $0.afet.count) }
    }
}

extension StageStatistics: RunFollower {
    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler) {
        for run in step.ended {
            guard let measured = run.measured else { continue }
            for job in run.jobs where run.jobs.count > 1 { stages[job.task][run.stage].batched += 1 }
            guard run.jobs.count == 1 else { continue }
            let task = run.jobs[0].task
            stages[task][run.stage].alone += 1
            stages[task][run.stage].sum = stages[task][run.stage].sum.addingSaturating(
                SchedulerConfiguration.clamped(measured))
            stages[task][run.stage].least = min(stages[task][run.stage].least, measured)
            stages[task][run.stage].most = max(stages[task][run.stage].most, measured)
            if measured > run.expected { stages[task][run.stage].above += 1 }
        }
        for case .finished(let outcome) in step.commands where outcome.fate == .completed {
            let priority = Int(outcome.priority.rawValue)
            responses[priority].append(max(outcome.responseTime, .zero))
            let deadline = (outcome.deadline - outcome.release).inSeconds
            shares[priority].append(deadline > 0 ? max(outcome.responseTime.inSeconds, 0) / deadline : 1e6)
        }
    }

    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler) {
        for task in stages.indices {
            for stage in stages[task].indices {
                stages[task][stage].mret = scheduler.mret(of: task, stage: stage)
            }
        }
    }
}
