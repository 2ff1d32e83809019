import DarisCore

/// The explanation of a job's outcome, which a reader can check in the timeline.
struct OutcomeWords {
    let traces: JobTraces
    let trace: JobTrace
    let outcome: JobOutcome?

    private var task: TaskSpecification { traces.configuration.tasks[trace.job.task] }
    private var stages: Int { task.afet.count }
    private var streams: Int { traces.configuration.partition.streams }

    /// The explanation of a job that has ended.
    var text: String {
        guard let outcome else { return "" }
        switch (outcome.fate, outcome.reason) {
        case (.completed, _): return late(outcome)
        case (.skipped, _): return skipped(at: outcome.finish, isFull: outcome.reason == .queueFull)
        case (.dropped, .deadlinePassed):
            return
                "Given up \(ms(outcome.finish - outcome.release)) after its release, with \(progress), since its task "
                + "says late: drop and its deadline of \(ms(outcome.deadline - outcome.release)) had passed. " + delays
        case (.dropped, .cancelled): return "Cancelled with \(progress)."
        case (.dropped, _): return "It waited behind \(previous) when its task was removed."
        case (.failed, .stageFailed):
            guard let run = trace.runs.last else { return "A stage failed on the device." }
            return
                "\(stage(run.stage)) failed on \(place(run)), \(ms(run.duration)) after its start; the report of the "
                + "run itself has the device's message."
        case (.failed, .contextLost):
            let context = trace.admission.map { "Context \($0.context)" } ?? "Its context"
            let run = trace.runs.last.flatMap { $0.outcome == .lost ? $0 : nil }
            return run.map {
                "\(context) was lost while \(stage($0.stage).lowercased()) had run there for \(ms($0.duration))."
            }
                ?? "\(context) was lost while the job waited there with \(progress)."
        case (.failed, _), (.rejected, .noContextAlive): return "No context was left to run it."
        case (.rejected, .wouldBeLate):
            return
                "The work queued and running on every context with utilisation to spare, and its own time, would have taken "
                + "longer than it had until its deadline."
        default: return "Its task had been removed; that is no miss."
        }
    }

    /// The explanation of a job that never ended.
    func unfinished(at end: Nanoseconds) -> String {
        let spare = trace.release.deadline - end
        let deadline =
            spare < .zero
            ? "its deadline had passed \(ms(.zero - spare)) before: a miss" : "its deadline was still to come"
        return "Released \(ms(end - trace.release.time)) before the end, with \(progress); \(deadline)."
    }

    // MARK: - Late jobs

    private func late(_ outcome: JobOutcome) -> String {
        "\(ms(outcome.lateness)) late: it ended \(ms(outcome.responseTime)) after its release, and its deadline is "
            + "\(ms(outcome.deadline - outcome.release)). " + delays
    }

    /// The parts of the response time: waiting for the previous job, running, waiting for lanes.
    private var delays: String {
        var sentences: [String] = []
        if let admission = trace.admission, admission.time > trace.release.time {
            sentences.append(
                "For its first \(ms(admission.time - trace.release.time)) the task's previous job was still in flight.")
        }
        guard let admission = trace.admission else { return "It never left the queue behind \(previous)." }
        let expected = trace.runs.reduce(.zero) { $0 + $1.expected }
        let waited = (outcome?.finish ?? admission.time) - admission.time - trace.runTime
        sentences.append(
            "Its stages ran for \(ms(trace.runTime)), where MRET expected \(ms(expected))"
                + (waited > .zero ? ", and it waited for \(ms(waited))." : "."))
        if trace.release.time + expected > trace.release.deadline, trace.stagesDone == stages {
            sentences.append("Even by MRET it would have taken longer than its deadline.")
        }
        if let run = trace.runs.max(by: { $0.overrun < $1.overrun }), run.overrun > .zero, let measured = run.measured {
            sentences.append(
                "\(stage(run.stage)) overran most: \(ms(measured)), \(ms(run.overrun)) above its MRET of "
                    + ms(run.expected)
                    + (run.jobs.count > 1 ? " in a batch of \(run.jobs.count)." : "."))
        }
        return (sentences + [longestWait(admission)].compactMap { $0 }).joined(separator: " ")
    }

    private func longestWait(_ admission: (time: Nanoseconds, context: Int, migrated: Bool)) -> String? {
        var (since, longest): (Nanoseconds, (from: Nanoseconds, run: StageRun)?) = (admission.time, nil)
        for run in trace.runs {
            if run.start - since > longest.map({ $0.run.start - $0.from }) ?? .zero { longest = (since, run) }
            since = run.end
        }
        guard let (from, run) = longest else { return nil }
        let others = traces.ran(on: admission.context, from: from, to: run.start).prefix(3)
            .map { "\(traces.configuration.tasks[$0.task].name) (\(ms($0.time)))" }
        let meanwhile =
            others.isEmpty ? "" : " while context \(admission.context) ran \(others.joined(separator: ", "))"
        return "Its longest wait was \(ms(run.start - from)) before \(stage(run.stage).lowercased()),\(meanwhile)."
            .replacing(",.", with: ".")
    }

    // MARK: - Jobs that were not started

    private func skipped(at time: Nanoseconds, isFull: Bool) -> String {
        guard let other = traces.current(of: trace.job.task) else {
            return "The task's previous job was still in flight."
        }
        let run = traces.running.lazy.compactMap { $0 }.first { $0.jobs.contains(other.job) }
        let state =
            run.map { "running \(stage($0.stage).lowercased()) on \(place($0)) since \(ms(time - $0.start))" }
            ?? "waiting for \(stage(other.stagesDone).lowercased()) on context \(other.admission?.context ?? 0)"
        let spare = other.release.deadline - time
        let deadline = spare >= .zero ? "\(ms(spare)) before its deadline" : "\(ms(.zero - spare)) past its deadline"
        let queue =
            isFull ? "\(Figure.counted(traces.waiting(of: trace.job.task), "release")) waited already behind " : ""
        return queue + "#\(other.job.sequence)\(queue.isEmpty ? " was" : ", which was") still \(state), "
            + "\(ms(time - other.release.time)) after its release and \(deadline)."
    }

    private var previous: String {
        traces.current(of: trace.job.task).map { "#\($0.job.sequence)" } ?? "the task's previous job"
    }

    // MARK: - Words

    private var progress: String { "\(trace.stagesDone) of \(Figure.counted(stages, "stage")) done" }

    /// Stages are numbered from 1, as in "stage 3 of 4".
    private func stage(_ index: Int) -> String { "Stage \(index + 1) of \(stages)" }

    private func place(_ run: StageRun) -> String {
        let partition = traces.configuration.partition
        return "context \(partition.context(of: run.lane)), \(partition.laneName(run.lane))"
    }

    private func ms(_ time: Nanoseconds) -> String { Figure.milliseconds(time.inMilliseconds) + " ms" }
}
