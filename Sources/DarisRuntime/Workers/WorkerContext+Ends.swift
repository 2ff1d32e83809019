import CDarisSystem
import DarisCore

/// From the end of a stage in the worker to what follows from it: the watching threads.
///
/// There is one a lane, since the tensors of a job may take long to copy, and no other lane must wait for that.
extension WorkerContext {
    /// What a watching thread is to do next for its lane.
    private enum Step {
        case copyInputs(JobTensors, instance: Int)
        case tell(StageEnd, JobTensors?, instance: Int)
        case violation(String)
    }

    /// Tells of a lane's ends until the attachment is closed or the worker has written what cannot be. Runs on a thread of
    /// its own.
    func watch(_ lane: Int, _ attachment: WorkerAttachment) {
        let watcher = watchers[lane]
        watcher.identity.claim()
        let slot = attachment.memory.slot(lane)
        while true {
            let seen = daris_load(slot.changes)
            // Only after that: closing sets the flag and then changes the word, which would go unseen the other way round.
            if attachment.isClosed { return }
            switch step(lane, attachment) {
            case .copyInputs(let io, let instance):
                attachment.copyIn(io, task: instance)
                sendWaiting(lane, attachment)
            case .tell(var end, let io, let instance):
                if let io, end.error == nil, isLastStage(end.stage, of: instance) {
                    end.error = attachment.copyOut(io, task: instance)
                }
                watcher.isTelling = true
                settings.handlers.tell(end)
                watcher.isTelling = false
            case .violation(let reason):
                attachment.note(violation: reason)
                wakeKeeper()
                return
            case nil: break
            }
            // What has ended since the look at it, and inputs to copy, have changed the word.
            daris_store(slot.parentSleeps, 1)
            daris_wait_for_change(slot.changes, seen)
            daris_store(slot.parentSleeps, 0)
        }
    }

    private func isLastStage(_ stage: Int, of instance: Int) -> Bool {
        let specification = settings.specification
        return stage == specification.models[specification.tasks[instance].model].stages.count - 1
    }

    private func step(_ lane: Int, _ attachment: WorkerAttachment) -> Step? {
        state.withLock { state in
            let entry = state.lanes[lane]
            if entry.waitsForInputs, let io = entry.io { return .copyInputs(io, instance: entry.instance) }
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
                        lane: settings.index * settings.laneCount + lane, job: entry.job, stage: entry.stage,
                        executionTime: completion.executionTime, handover: completion.handover,
                        error: completion.error.map { DeviceError($0) }), entry.io, instance: entry.instance)
            } catch {
                return .violation("it told of \(error) on lane \(lane)")
            }
        }
    }

    /// Sends the command of a lane whose inputs have been copied.
    private func sendWaiting(_ lane: Int, _ attachment: WorkerAttachment) {
        let makesWay = state.withLock { state in
            state.lanes[lane].command(attachment.memory.slot(lane), followsEnd: false)
            return state.lanes[lane].makesWay
        }
        attachment.memory.slot(lane).wakeWorker(makingWay: makesWay)
    }

    /// Ends all stages that have been launched, as failed: for a context without a worker.
    func failLaunched(_ reason: DeviceError) {
        for lane in 0..<settings.laneCount {
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
                    lane: settings.index * settings.laneCount + lane, job: job.job, stage: job.stage,
                    executionTime: .zero, error: reason))
        }
    }
}
