import HeapModule

/// Jobs that are given up: cancelled, or past their deadline under `late: drop`.
extension Scheduler {
    mutating func cancel(_ job: JobID, into commands: inout CommandBuffer) {
        guard tasks.indices.contains(job.task) else { return }
        if tasks[job.task].phase != .idle && tasks[job.task].sequence == job.sequence {
            if tasks[job.task].phase == .running {
                tasks[job.task].isCancelled = true
            } else {
                withdraw(job.task, .cancelled, into: &commands)
            }
        } else {
            withdrawWaiting(job, .cancelled, into: &commands)
        }
    }

    /// Drops a job that waits for its task's previous one, if it does.
    private mutating func withdrawWaiting(_ job: JobID, _ reason: FateReason, into commands: inout CommandBuffer) {
        guard let place = waiting[job.task].firstIndex(where: { $0.sequence == job.sequence }) else { return }
        let release = waiting[job.task].remove(at: place)
        end(job.task, release, .dropped, reason, into: &commands)
    }

    /// Drops a job whose stage is ready and not running.
    private mutating func withdraw(_ index: Int, _ reason: FateReason, into commands: inout CommandBuffer) {
        queues[tasks[index].context].remove(task: index)
        if batches.isOn { batches.remove(task: index, stage: tasks[index].stage, context: tasks[index].context) }
        finish(index, .dropped, reason, preferring: nil, into: &commands)
    }

    mutating func addDropTimer(_ index: Int, _ release: WaitingRelease) {
        // Jobs mostly end long before their timers; those left behind are cleared out before they pile up.
        if dropTimers.count >= dropTimerLimit {
            let (tasks, waiting) = (tasks, waiting)
            dropTimers.removeAll { timer in
                let (index, sequence) = (timer.job.task, timer.job.sequence)
                if tasks[index].phase != .idle && tasks[index].sequence == sequence { return false }
                return !waiting[index].contains { $0.sequence == sequence }
            }
            dropTimerLimit = 2 * max(dropTimers.count, tasks.count) + 64
        }
        dropTimers.insert(
            DropTimer(
                deadline: release.release + release.relativeDeadline,
                job: JobID(task: index, sequence: release.sequence)))
    }

    mutating func dropOverdueJobs(into commands: inout CommandBuffer) {
        requestedWake = .distantFuture
        while let timer = dropTimers.min, timer.deadline <= now {
            dropTimers.removeMin()
            let index = timer.job.task
            if tasks[index].phase == .idle || tasks[index].sequence != timer.job.sequence {
                withdrawWaiting(timer.job, .deadlinePassed, into: &commands)
            } else if tasks[index].phase == .ready {
                withdraw(index, .deadlinePassed, into: &commands)
            }  // A job that is running is looked at when its stage ends.
        }
    }

    mutating func requestWake(into commands: inout CommandBuffer) {
        guard let next = dropTimers.min?.deadline, next != requestedWake else { return }
        requestedWake = next
        commands.append(.wake(at: next))
    }
}
