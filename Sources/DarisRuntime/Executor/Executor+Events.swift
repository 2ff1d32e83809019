import DarisCore

/// The hot path: from an event to what follows from it. Runs on the thread that saw the event, under the lock, and
/// allocates nothing unless a job was submitted from outside or failed.
extension Executor {
    /// Does something under the lock, then wakes the lanes that were handed stages: one that took the processor from a thread that
    /// holds the lock would stop all others for as long as its stage takes.
    func decide<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
        let (value, handed) = state.withLock { state in
            let value = body(&state)
            let handed = state.handed
            state.handed = 0
            return (value, handed)
        }
        var rest = handed
        while rest != 0 {
            device.wake(lane: rest.trailingZeroBitCount)
            rest &= rest - 1
        }
        return value
    }

    func stageEnded(_ end: StageEnd) {
        decide { state in
            guard !state.isOver else { return }
            let time = clock.now
            defer { state.overruns[end.lane] = nil }
            if let handover = end.handover { state.notes.append(.handover(handover)) }
            if let failure = end.error {
                let error = cause(of: end, failure, &state)
                handle(.stageFailed(lane: end.lane, job: end.job), at: time, error: error, &state)
            } else {
                handle(
                    .stageCompleted(lane: end.lane, job: end.job, executionTime: end.executionTime), at: time, &state)
            }
        }
        if let error = end.error, error.losesDevice { abandon(error) }
    }

    func contextChanged(_ change: ContextChange) {
        if case .abandoned(let reason) = change { return abandon(reason) }
        decide { state in
            guard !state.isOver else { return }
            switch change {
            case .lost(let context, let reason):
                // A device that is lost to several contexts at once says nothing of who is to blame.
                if !reason.losesDevice { state.suspects = state.scheduler.runningJobs(on: context) }
                handle(.contextLost(context), at: clock.now, error: reason, &state)
                state.suspects = []
            case .restored(let context):
                handle(.contextRestored(context), at: clock.now, &state)
            case .abandoned: break
            }
            noteContexts(state)
        }
    }

    /// Lets the scheduler decide and carries its commands out.
    func handle(_ event: Event, at time: Nanoseconds, error: DeviceError? = nil, _ state: inout State) {
        state.notes.append(.event(event, at: time))
        let before = clock.now
        state.scheduler.handle(event, at: time, into: &state.commands)
        state.notes.append(.decision(clock.now - before))
        options.observer?(event, time, state.commands)

        for index in state.commands.indices {
            if let note = RunLedger.Note(state.commands[index]) { state.notes.append(note) }
            switch state.commands[index] {
            case .dispatch(let dispatch):
                state.laneStarts[dispatch.lane] = before
                device.hand(dispatch, tensors: tensors(of: dispatch, state))
                // Beyond what a word tells apart, at once.
                if dispatch.lane < UInt128.bitWidth {
                    state.handed |= 1 << UInt128(dispatch.lane)
                } else {
                    device.wake(lane: dispatch.lane)
                }
            case .finished(let outcome):
                finish(outcome, error: error, &state)
            case .wake(let time): timers[0].wake(at: time)
            case .admitted, .queued: break
            }
        }
        if state.drainStart != nil && state.scheduler.counts.inFlight == 0 { drained.post() }
        countIfMany(&state)
    }

    /// The tensors of the jobs of a dispatch; empty if none was submitted from outside.
    private func tensors(of dispatch: Dispatch, _ state: borrowing State) -> [JobTensors?] {
        guard !state.submissions.isEmpty else { return [] }
        for job in dispatch.jobs where state.submissions[job] != nil {
            return dispatch.jobs.map { state.submissions[$0]?.tensors }
        }
        return []
    }

    private func finish(_ outcome: JobOutcome, error: DeviceError?, _ state: inout State) {
        state.lastEnd = outcome.finish
        if outcome.fate == .failed { note(error?.description ?? outcome.reason.text, of: outcome.job, in: &state) }
        guard !state.submissions.isEmpty, let submission = state.submissions.removeValue(forKey: outcome.job) else {
            return
        }
        let message = outcome.fate == .failed ? error?.description : nil
        if outcome.fate == .completed {
            answer(submission) { .success(submission.tensors.outputs) }
        } else if case .overrun(let words)? = error, outcome.fate == .failed {
            answer(submission) { .failure(.overran(words)) }
        } else if state.suspects.contains(outcome.job) {
            let others = state.suspects.count - 1
            answer(submission) { .failure(.crashed(others: others, message: message ?? outcome.reason.text)) }
        } else {
            answer(submission) { .failure(.notCompleted(outcome.fate, outcome.reason, message: message)) }
        }
    }

    /// Counts a failed job by task and message. Messages beyond the limit are counted together, task by task.
    private func note(_ message: String, of job: JobID, in state: inout State) {
        let task = state.scheduler.configuration.tasks[job.task].name
        func place(_ message: String) -> Int? {
            state.failures.firstIndex { $0.task == task && $0.message == message }
        }
        let isFull = state.failures.count >= FailureCount.limit
        if let index = place(message) ?? (isFull ? place(FailureCount.others) : nil) {
            state.failures[index].count += 1
        } else {
            state.failures.append(
                FailureCount(task: task, message: isFull ? FailureCount.others : message, count: 1))
        }
    }
}
