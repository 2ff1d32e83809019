import DarisCore

/// What watchers see.
extension Executor {
    /// The running system now, or at most a tenth of a second ago: however many ask, a look is taken ten times a
    /// second.
    ///
    /// A look copies numbers into room made before. It holds the scheduler's lock once for contexts and lanes, then once for
    /// every 256 tasks, so that no stage waits for all of it. What is counted belongs together; what the scheduler says of
    /// different tasks may be a little apart.
    package func view() -> SystemView {
        views.withLock { kept in
            let now = clock.now
            if let kept, now - kept.time < .milliseconds(100) { return kept }
            let view = look()
            kept = view
            return view
        }
    }

    private func look() -> SystemView {
        var view = SystemView(configuration)
        takeFigures(&view)
        state.withLock { state in
            view.time = clock.now
            for index in view.contexts.indices {
                view.contexts[index].admission = state.scheduler.context(index)
                view.contexts[index].readyStages = state.scheduler.readyStages(on: index)
                for lane in configuration.partition.lanes(of: index) {
                    view.lanes[lane].stage = stage(on: lane, state)
                }
            }
        }
        let tasksAtATime = 256
        for first in stride(from: 0, to: view.tasks.count, by: tasksAtATime) {
            state.withLock { state in
                for index in first..<min(first + tasksAtATime, view.tasks.count) {
                    view.tasks[index].home = state.scheduler.home(of: index)
                    view.tasks[index].isRemoved = state.scheduler.isRemoved(index)
                    view.tasks[index].mret = state.scheduler.mret(of: index)
                    view.tasks[index].utilisation = state.scheduler.utilisation(of: index)
                    let stages = view.tasks[index].stages.prefix(state.scheduler.stages(of: index))
                    view.tasks[index].stages = stages
                    for stage in stages {
                        view.stageMRET[stage] = state.scheduler.mret(of: index, stage: stage - stages.lowerBound)
                    }
                }
            }
        }
        return view
    }

    /// What has been counted.
    private func takeFigures(_ view: inout SystemView) {
        counted { measurements in
            let ledger = measurements.ledger
            for index in view.contexts.indices { view.contexts[index].losses = ledger.losses[index] }
            for index in view.lanes.indices { view.lanes[index].busy = ledger.busy[index] }
            for index in view.tasks.indices { view.tasks[index].jobs.take(ledger.tasks[index]) }
            view.high.take(ledger.priorities[Int(Priority.high.rawValue)])
            view.low.take(ledger.priorities[Int(Priority.low.rawValue)])
            view.decisions = ledger.decisions.buckets
            view.handovers = ledger.handovers.buckets
            measurements.recent.copy(into: &view.recent)
            view.stagesEnded = measurements.recent.total
        }
    }

    private func stage(on lane: Int, _ state: borrowing State) -> SystemView.Stage? {
        guard let dispatch = state.scheduler.dispatch(on: lane) else { return nil }
        let (job, jobs, stage) = (dispatch.jobs[0], dispatch.jobs.count, dispatch.stage)
        return SystemView.Stage(
            job: job, stage: stage, start: state.laneStarts[lane],
            mret: state.scheduler.batchTime(of: job.task, jobs: jobs, stage: stage)
                ?? state.scheduler.mret(of: job.task, stage: stage),
            deadline: state.scheduler.deadline(of: job) ?? .zero, jobs: jobs)
    }
}
