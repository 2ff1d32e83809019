import DarisCore

/// The release of a job.
struct JobRelease: Sendable {
    let job: JobID
    /// The time of the release in the event.
    let time: Nanoseconds
    let deadline: Nanoseconds
    /// uᵢ of the task before the event, for the admission test.
    let utilisation: Utilisation
    /// The task's home before the event, for the admission test.
    let home: Int
    /// The account of that context before the event.
    let account: Admission.Context
    /// The trace of the client.
    let client: TraceContext?
}

/// One event of a recorded run, with its consequences.
struct RunStep {
    /// The event.
    let event: Event
    /// The time of the event by the scheduler's clock, which never goes back.
    let time: Nanoseconds
    /// The scheduler's commands.
    let commands: CommandBuffer
    /// The stage runs that ended with this event.
    let ended: [StageRun]
    /// The stage runs that began with this event.
    let started: [StageRun]
    /// The job that was released.
    let release: JobRelease?
}

/// An observer of a replayed run.
protocol RunFollower {
    /// Gets each step, with the scheduler after the step.
    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler)
    /// Gets the end of the run, with the stages that were still running.
    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler)
}

/// The results of a replayed run.
struct WalkedRun {
    /// The figures that the run itself reported.
    let summary: RunSummary
    /// The end of the run.
    let end: Nanoseconds
    /// Whether a real run was stopped early.
    let wasInterrupted: Bool
    /// A note on a record that is cut off; `nil` for a complete one.
    let cutOff: String?
}

extension RunRecordReader {
    /// Replays the rest of the record for a follower.
    ///
    /// - Throws: `RecordError` if the record is invalid, or this scheduler decides differently.
    func walk(_ follower: inout some RunFollower) throws(RecordError) -> WalkedRun {
        var reader = self
        var replay = RecordReplay(configuration)
        var running = [StageRun?](repeating: nil, count: configuration.partition.laneCount)
        var noted: (job: JobID, trace: TraceContext)?
        while let entry = try reader.next() {
            if case .trace(let job, let trace) = entry.content { noted = (job, trace) }
            guard case .event(let event) = entry.content else {
                if let mismatch = replay.take(entry) { throw reader.error(mismatch) }
                continue
            }
            var release: JobRelease?
            if case .jobReleased(let task, let relative) = event {
                let job = JobID(task: task, sequence: replay.scheduler.releasedJobs(of: task))
                let span = SchedulerConfiguration.clamped(relative ?? configuration.tasks[task].deadline)
                let home = replay.scheduler.home(of: task)
                release = JobRelease(
                    job: job, time: entry.time, deadline: entry.time + span,
                    utilisation: replay.scheduler.utilisation(of: task),
                    home: home, account: replay.scheduler.context(home),
                    client: noted?.job == job ? noted?.trace : nil)
            }
            if let mismatch = replay.take(entry) { throw reader.error(mismatch) }
            let ended = takeEnded(event, at: replay.scheduler.now, &running)
            let started = takeStarted(replay.commands, replay.scheduler, &running)
            let step = RunStep(
                event: event, time: replay.scheduler.now, commands: replay.commands, ended: ended, started: started,
                release: release)
            follower.follow(step, replay.scheduler)
        }
        // A record that is cut off may lack commands of its last event.
        if !reader.isCutOff, let mismatch = replay.finish() { throw reader.error(mismatch) }
        let end = max(reader.end ?? .zero, .zero)
        let unfinished = running.compactMap { run in
            run.map { run in
                var run = run
                run.end = max(run.start, end)
                return run
            }
        }
        follower.finish(at: end, running: unfinished, replay.scheduler)
        return WalkedRun(
            summary: replay.summary(of: plan, end: end, energy: reader.energy), end: end,
            wasInterrupted: !plan.simulated && plan.durationS.map { end.inSeconds < $0 } ?? false,
            cutOff: reader.isCutOff
                ? "the record is cut off after \(Figure.seconds(end.inSeconds)), as when its writer is killed; this covers "
                    + "only the part that it has" : nil)
    }

    /// Removes the stage runs that an event ended from their lanes, and returns them.
    private func takeEnded(_ event: Event, at time: Nanoseconds, _ running: inout [StageRun?]) -> [StageRun] {
        func take(_ lane: Int, _ outcome: StageRun.End, _ measured: Nanoseconds?) -> StageRun? {
            guard var run = running[lane] else { return nil }
            running[lane] = nil
            run.end = time
            run.outcome = outcome
            run.measured = measured.map { max($0, .zero) }
            return run
        }
        switch event {
        case .stageCompleted(let lane, let job, let measured) where runs(job, lane, running):
            return [take(lane, .completed, measured)].compactMap { $0 }
        case .stageFailed(let lane, let job) where runs(job, lane, running):
            return [take(lane, .failed, nil)].compactMap { $0 }
        case .contextLost(let context) where (0..<configuration.partition.contexts).contains(context):
            return configuration.partition.lanes(of: context).compactMap { take($0, .lost, nil) }
        default: return []
        }
    }

    /// Whether a lane runs a job; not if the event is from before the loss of the context.
    private func runs(_ job: JobID, _ lane: Int, _ running: [StageRun?]) -> Bool {
        running.indices.contains(lane) && running[lane]?.jobs[0] == job
    }

    private func takeStarted(
        _ commands: CommandBuffer, _ scheduler: borrowing Scheduler, _ running: inout [StageRun?]
    ) -> [StageRun] {
        var started: [StageRun] = []
        for case .dispatch(let dispatch) in commands {
            let (task, stage, jobs) = (dispatch.jobs[0].task, dispatch.stage, Array(dispatch.jobs))
            let batch = jobs.count > 1 ? scheduler.batchTime(of: task, jobs: jobs.count, stage: stage) : nil
            let run = StageRun(
                lane: dispatch.lane, stage: stage, jobs: jobs,
                expected: batch ?? scheduler.mret(of: task, stage: stage), start: scheduler.now, end: scheduler.now)
            running[dispatch.lane] = run
            started.append(run)
        }
        return started
    }
}

/// A run on a lane from dispatch to end: a stage of one job, or of a batch of jobs.
struct StageRun: Sendable, Hashable {
    /// How a run ended.
    enum End: UInt8, Sendable { case completed, failed, lost, unfinished }

    /// The index of the lane among those of all contexts.
    let lane: Int
    /// The index of the stage, from 0.
    let stage: Int
    /// The dispatched job, then those that joined it.
    let jobs: [JobID]
    /// The expected execution time: MRET, or for a batch the longest recent time of batches of its size.
    let expected: Nanoseconds
    /// The time of the dispatch.
    let start: Nanoseconds
    /// The time at which the scheduler got its end.
    var end: Nanoseconds
    /// The execution time on the device, if it completed.
    var measured: Nanoseconds?
    /// How it ended.
    var outcome = End.unfinished

    /// The time from dispatch to end.
    var duration: Nanoseconds { end - start }
    /// The execution time beyond the expected one; zero if there is none.
    var overrun: Nanoseconds { measured.map { max(.zero, $0 - expected) } ?? .zero }

    /// The part of it within a span of time.
    func overlap(_ from: Nanoseconds, _ to: Nanoseconds) -> Nanoseconds { max(.zero, min(end, to) - max(start, from)) }
}
