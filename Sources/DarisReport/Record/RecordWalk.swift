import DarisCore

/// A job that is released.
struct JobRelease: Sendable {
    let job: JobID
    /// When, as the scheduler was told.
    let time: Nanoseconds
    let deadline: Nanoseconds
    /// uᵢ of the task before the event, which the admission test went by.
    let utilisation: Utilisation
    /// The task's own context before the event, as the admission test read it.
    let home: Admission.Context
    /// Whose trace the job belongs to.
    let client: TraceContext?
}

/// One event of a recorded run with all that came of it.
struct RunStep {
    /// What happened.
    let event: Event
    /// When, by the scheduler's clock, which never goes back.
    let time: Nanoseconds
    /// What the scheduler decided.
    let commands: CommandBuffer
    /// The stage runs that ended with this event.
    let ended: [StageRun]
    /// Those that began.
    let started: [StageRun]
    /// The job that it released.
    let release: JobRelease?
}

/// Something that looks on while a recorded run goes on again.
protocol RunFollower {
    /// Looks at an event and what came of it; `scheduler` is as it was after that.
    mutating func follow(_ step: RunStep, _ scheduler: borrowing Scheduler)
    /// Looks at the end of the run, with what was still running then.
    mutating func finish(at end: Nanoseconds, running: [StageRun], _ scheduler: borrowing Scheduler)
}

/// What a record says of its run as a whole.
struct WalkedRun {
    /// The figures, as the run itself reported them.
    let summary: RunSummary
    /// When it ended.
    let end: Nanoseconds
    /// Whether a real run was stopped before its time.
    let wasInterrupted: Bool
    /// What is to be said of a record that is cut off.
    let cutOff: String?
}

extension RunRecordReader {
    /// Replays the rest of the record before a follower.
    ///
    /// - Throws: `RecordError` if the record is wrong, or not what this scheduler would have decided.
    func walk(_ follower: inout some RunFollower) throws(RecordError) -> WalkedRun {
        var reader = self
        var replay = RecordReplay(configuration)
        var running = [StageRun?](repeating: nil, count: configuration.partition.lanes)
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
                release = JobRelease(
                    job: job, time: entry.time, deadline: entry.time + span,
                    utilisation: replay.scheduler.utilisation(of: task),
                    home: replay.scheduler.context(replay.scheduler.home(of: task)),
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
        // Of the last event of a record that is cut off, commands may be missing.
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
            summary: replay.summary(of: plan, end: end), end: end,
            wasInterrupted: !plan.simulated && plan.durationS.map { end.inSeconds < $0 } ?? false,
            cutOff: reader.isCutOff
                ? "the record is cut off after \(Figure.seconds(end.inSeconds)), as when its writer is killed; what is said here "
                    + "is of what it holds" : nil)
    }

    /// Takes the stage runs off their lanes that an event ended.
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
            let streams = configuration.partition.streams
            return (context * streams..<(context + 1) * streams).compactMap { take($0, .lost, nil) }
        default: return []
        }
    }

    /// Whether a message is of what runs on a lane; one from before a context was lost is not.
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
