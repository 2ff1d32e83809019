import CDarisSystem
import DarisCore

/// From the end of a stage in the worker to what follows from it: the watching thread.
extension WorkerContext {
    /// What the watching thread is to do next for a lane.
    private enum Step {
        case copyInputs(JobTensors, task: Int)
        case tell(StageEnd, JobTensors?)
        case violation(String)
    }

    /// Tells of ends until the attachment is closed or the worker has written what cannot be. Runs on a thread of its own.
    func watch(_ attachment: WorkerAttachment) {
        watcher.claim()
        let memory = attachment.memory
        while true {
            let seen = daris_load(memory.endings)
            // Only after that: closing sets the flag and then changes the word, which would go unseen the other way round.
            if attachment.isClosed { return }
            for lane in 0..<settings.streams {
                guard let step = step(lane, attachment) else { continue }
                switch step {
                case .copyInputs(let io, let task):
                    attachment.copyIn(io, task: task)
                    sendWaiting(lane, attachment)
                case .tell(var end, let io):
                    if let io, end.error == nil, isLastStage(end) {
                        end.error = attachment.copyOut(io, task: end.job.task)
                    }
                    handled.lane = lane
                    settings.handlers.tell(end)
                    handled.lane = -1
                    // Only now: the lane may take the processor from the one that wakes it, which held a lock before.
                    if handled.isLaunched { memory.slot(lane).wakeWorker() }
                    handled.isLaunched = false
                case .violation(let reason):
                    attachment.note(violation: reason)
                    stirKeeper()
                    return
                }
            }
            // What has ended since the look at it, and inputs to copy, have changed the word.
            daris_store(memory.parentSleeps, 1)
            daris_wait_for_change(memory.endings, seen)
            daris_store(memory.parentSleeps, 0)
        }
    }

    private func isLastStage(_ end: StageEnd) -> Bool {
        let specification = settings.specification
        return end.stage == specification.models[specification.tasks[end.job.task].model].stages.count - 1
    }

    private func step(_ lane: Int, _ attachment: WorkerAttachment) -> Step? {
        state.withLock { state in
            let entry = state.lanes[lane]
            if entry.waitsForInputs, let io = entry.io { return .copyInputs(io, task: entry.job.task) }
            let slot = attachment.memory.slot(lane)
            let completed = daris_load(slot.completed)
            guard entry.isBusy, completed == entry.sequence else {
                // Until it is done with the last command it has done the one before.
                let expected = entry.isBusy ? entry.sequence &- 1 : entry.sequence
                guard completed == expected else {
                    return .violation("it completed command \(completed) on lane \(lane) after \(expected)")
                }
                return nil
            }
            do {
                let completion = try slot.completion()
                state.lanes[lane].isBusy = false
                state.lanes[lane].io = nil
                return .tell(
                    StageEnd(
                        lane: settings.index * settings.streams + lane, job: entry.job, stage: entry.stage,
                        executionTime: completion.executionTime, handover: completion.handover,
                        error: completion.error.map { DeviceError($0) }), entry.io)
            } catch {
                return .violation("it told of \(error) on lane \(lane)")
            }
        }
    }

    /// Sends the command of a lane whose inputs have been copied.
    private func sendWaiting(_ lane: Int, _ attachment: WorkerAttachment) {
        state.withLock { $0.lanes[lane].command(attachment.memory.slot(lane), followsEnd: false) }
        attachment.memory.slot(lane).wakeWorker()
    }

    /// Ends all stages that have been launched, as failed: for a context without a worker.
    func failLaunched(_ reason: DeviceError) {
        for lane in 0..<settings.streams {
            let job: (job: JobID, stage: Int)? = state.withLock { state in
                guard state.lanes[lane].isBusy else { return nil }
                state.lanes[lane].isBusy = false
                state.lanes[lane].waitsForInputs = false
                state.lanes[lane].io = nil
                return (state.lanes[lane].job, state.lanes[lane].stage)
            }
            guard let job else { continue }
            settings.handlers.tell(
                StageEnd(
                    lane: settings.index * settings.streams + lane, job: job.job, stage: job.stage,
                    executionTime: .zero, error: reason))
        }
    }
}
