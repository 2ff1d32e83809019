import DarisCore
import DarisRuntime
import Foundation

/// What `/metrics` says. Times are in seconds, utilisations in lanes. There is a series for each task, each stage, each
/// model and each context of the task set, and never one for anything that a client sends.
struct MetricsPage {
    let version: String
    let isReady: Bool
    let requestsInFlight: Int
    let watchers: Int
    let droppedLogLines: Int
    let models: [ServedModel]
    let connections: Connections?
    let subject: LiveSubject?
    /// Whether Triton's metrics are told, too.
    var triton = false

    func text() -> [UInt8] {
        var text = PrometheusText()
        server(&text)
        requests(&text)
        if triton { TritonMetrics(models: models).add(to: &text) }
        if let subject {
            let view = subject.view()
            let tasks = zip(subject.plan.tasks, view.tasks).filter { !$0.0.isSpare }
            jobs(tasks, &text)
            executionTimes(tasks, view, &text)
            contexts(view, &text)
            scheduler(view, &text)
            if let energy = subject.energy() { self.energy(energy, &text) }
        }
        if let figures = ProcessFigures.now() { process(figures, &text) }
        return text.bytes
    }

    private func server(_ text: inout PrometheusText) {
        text.family("daris_build_info", .gauge, "1, with the version of Daris.")
        text.sample(1, ["version": version])
        text.family("daris_ready", .gauge, "Whether requests are taken: loaded, not ending, a context up.")
        text.sample(isReady ? 1 : 0)
        text.family("daris_requests_in_flight", .gauge, "Requests that have not been answered.")
        text.sample(requestsInFlight)
        text.family("daris_live_watchers", .gauge, "Connections that watch the live page's events.")
        text.sample(watchers)
        text.family(
            "daris_log_lines_dropped_total", .counter,
            "Lines of the log that were lost, since they were not read in time.")
        text.sample(droppedLogLines)
        guard let connections else { return }
        let tables = [("http", connections.http.figures), ("grpc", connections.grpc.figures)]
        text.family("daris_connections", .gauge, "Connections that are open.")
        for (name, figures) in tables { text.sample(figures.open, ["protocol": name]) }
        text.family(
            "daris_connections_evicted_total", .counter, "Connections closed because there were as many as may be.")
        for (name, figures) in tables { text.sample(figures.evicted, ["protocol": name]) }
        text.family("daris_request_bytes", .gauge, "Bytes of requests and answers that are held.")
        text.sample(connections.budget.held)
    }

    private func requests(_ text: inout PrometheusText) {
        let models = models.map { ($0, $0.statistics.monitoring) }
        text.family("daris_requests_total", .counter, "Requests by model, priority of the job, and what they came to.")
        for (model, figures) in models {
            for priority in [model.own, model.other].compactMap({ $0?.priority }) {
                for fate in RequestFate.allCases {
                    text.sample(
                        figures.requests(priority, fate),
                        ["model": model.name, "priority": priority.word, "fate": fate.rawValue])
                }
            }
        }
        text.family("daris_requests_waiting", .gauge, "Requests that wait for one of the model's instances to be free.")
        for (model, _) in models { text.sample(model.own.load.waiting, ["model": model.name]) }
        text.family("daris_requests_running", .gauge, "Requests that have one of the model's instances.")
        for (model, _) in models { text.sample(model.own.load.inFlight, ["model": model.name]) }
        text.family("daris_refusals_total", .counter, "Requests that were refused, by model and reason.")
        for (model, figures) in models {
            for reason in RefusalReason.allCases {
                text.sample(figures.refusals(reason), ["model": model.name, "reason": reason.rawValue])
            }
        }
        text.family("daris_request_seconds", .histogram, "From a request's arrival to its answer, of those answered.")
        for (model, figures) in models { text.buckets(figures.total, ["model": model.name]) }
        text.family(
            "daris_queue_seconds", .histogram,
            "From a request's arrival until the scheduler was given its job, of those answered.")
        for (model, figures) in models { text.buckets(figures.queue, ["model": model.name]) }
    }

    private func jobs(_ tasks: [(RunPlan.Task, SystemView.Task)], _ text: inout PrometheusText) {
        text.family("daris_jobs_total", .counter, "Jobs that ended, by task, priority and fate.")
        for (plan, task) in tasks {
            let counts = task.jobs.counts
            for (fate, count) in [
                ("completed", counts.completed), ("rejected", counts.rejected), ("skipped", counts.skipped),
                ("dropped", counts.dropped), ("failed", counts.failed),
            ] {
                text.sample(count, ["task": plan.name, "priority": task.jobs.priority.word, "fate": fate])
            }
        }
        func counter(_ name: String, _ help: String, _ value: (SystemView.Jobs) -> Int) {
            text.family(name, .counter, help)
            for (plan, task) in tasks {
                text.sample(value(task.jobs), ["task": plan.name, "priority": task.jobs.priority.word])
            }
        }
        counter("daris_jobs_released_total", "Jobs released.") { $0.counts.released }
        counter(
            "daris_deadline_misses_total",
            "Deadlines missed: late, dropped at the deadline, failed, expired, and skipped releases of high priority.",
            \.missed)
        counter(
            "daris_requests_refused_total", "Requests that were refused before they became jobs of a task.", \.refused)
        counter(
            "daris_requests_expired_total",
            "Requests whose deadline passed while they waited to become jobs of a task.", \.expired)
        counter(
            "daris_jobs_cancelled_total", "Dropped jobs that were cancelled, which are no misses.", \.cancelled)
        counter("daris_job_migrations_total", "Jobs admitted by another context than their task's own.", \.migrated)
        counter("daris_inferences_total", "Inferences completed: jobs times batch.", \.inferences)
        text.family("daris_response_seconds", .histogram, "From a job's release to its end, of those completed.")
        for (plan, task) in tasks {
            text.buckets(task.jobs.response, ["task": plan.name, "priority": task.jobs.priority.word])
        }
    }

    private func executionTimes(
        _ tasks: [(RunPlan.Task, SystemView.Task)], _ view: SystemView, _ text: inout PrometheusText
    ) {
        text.family("daris_stage_seconds", .histogram, "Execution times of a task's stages; a batch counts once.")
        for (plan, task) in tasks {
            text.buckets(task.jobs.stages, ["task": plan.name, "priority": task.jobs.priority.word])
        }
        text.family("daris_mret_seconds", .gauge, "Maximum recent execution time of a stage.")
        for (plan, task) in tasks {
            for (stage, place) in task.stages.enumerated() {
                text.sample(view.stageMRET[place].inSeconds, ["task": plan.name, "stage": "\(stage)"])
            }
        }
        text.family("daris_task_utilisation", .gauge, "MRET of a task over its period, in lanes.")
        for (plan, task) in tasks {
            text.sample(task.utilisation.fraction, ["task": plan.name, "priority": task.jobs.priority.word])
        }
    }

    private func contexts(_ view: SystemView, _ text: inout PrometheusText) {
        let contexts = Array(view.contexts.enumerated())
        func gauge(_ name: String, _ help: String, _ value: (SystemView.Context) -> Double) {
            text.family(name, .gauge, help)
            for (index, context) in contexts { text.sample(value(context), ["context": "\(index)"]) }
        }
        gauge("daris_context_up", "Whether a context can run stages.") { $0.admission.isAlive ? 1 : 0 }
        gauge("daris_context_capacity", "Lanes of a context.", \.capacity.fraction)
        text.family(
            "daris_context_utilisation", .gauge,
            "What admission counts, in lanes: all tasks of high priority, those of low priority with a job in flight.")
        for (index, context) in contexts {
            text.sample(context.admission.highPriority.fraction, ["context": "\(index)", "priority": "high"])
            text.sample(context.admission.activeLowPriority.fraction, ["context": "\(index)", "priority": "low"])
        }
        gauge("daris_context_headroom", "What jobs of low priority may still use, in lanes.") {
            $0.admission.headroom(of: $0.capacity).fraction
        }
        gauge("daris_context_ready_stages", "Stages that wait for a lane.") { Double($0.readyStages) }
        text.family("daris_context_losses_total", .counter, "How often a context was lost.")
        for (index, context) in contexts { text.sample(context.losses, ["context": "\(index)"]) }
        text.family("daris_lane_busy_seconds_total", .counter, "Execution time of the stages that ended on a lane.")
        // The express lanes of a context come last; what they run, they run in the time of its other lanes.
        let perContext = view.lanes.count / max(1, contexts.count)
        func isExpress(_ lane: Int) -> Bool {
            Utilisation.lanes(lane % perContext) >= view.contexts[lane / perContext].capacity
        }
        func samples(_ lanes: some Sequence<Int>) {
            for lane in lanes {
                text.sample(
                    view.lanes[lane].busy.inSeconds, ["context": "\(lane / perContext)", "lane": "\(lane)"])
            }
        }
        samples(view.lanes.indices.filter { !isExpress($0) })
        guard view.lanes.indices.contains(where: isExpress) else { return }
        text.family(
            "daris_express_lane_busy_seconds_total", .counter,
            "Execution time of the stages that ended on an express lane, on top of the other lanes.")
        samples(view.lanes.indices.filter(isExpress))
    }

    private func scheduler(_ view: SystemView, _ text: inout PrometheusText) {
        text.family("daris_decision_seconds", .histogram, "How long the scheduler took for an event.")
        text.buckets(view.decisions)
        text.family(
            "daris_handover_seconds", .histogram,
            "From a stage's end to the start of the next one on the same lane, where one was ready.")
        text.buckets(view.handovers)
    }

    /// The energy of the device; families without a figure are left out, since 0 would be one.
    private func energy(_ energy: EnergyUse, _ text: inout PrometheusText) {
        text.family(
            "daris_energy_joules_total", .counter, "Energy that the whole device has used since the server was ready.")
        text.sample(energy.joules)
        guard let watts = energy.watts else { return }
        text.family("daris_power_watts", .gauge, "Power that the whole device draws.")
        text.sample(watts)
    }

    private func process(_ figures: ProcessFigures, _ text: inout PrometheusText) {
        text.family("process_cpu_seconds_total", .counter, "Processor time used, in seconds.")
        text.sample(figures.cpuSeconds)
        text.family("process_resident_memory_bytes", .gauge, "Memory in use.")
        text.sample(figures.residentBytes)
        text.family("process_virtual_memory_bytes", .gauge, "Address space in use.")
        text.sample(figures.virtualBytes)
        text.family("process_open_fds", .gauge, "Open files.")
        text.sample(figures.openFiles)
        text.family("process_max_fds", .gauge, "The most open files that are allowed.")
        text.sample(figures.mostFiles)
        text.family("process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.")
        text.sample(figures.startSeconds)
    }
}

/// What the system says of this process: the figures that Prometheus' own clients give under `process_`.
struct ProcessFigures {
    var residentBytes: Int
    var virtualBytes: Int
    var cpuSeconds: Double
    var openFiles: Int
    var mostFiles: Int
    /// Since 1970.
    var startSeconds: Double

    /// The figures now; `nil` where the system does not keep them.
    static func now() -> ProcessFigures? {
        guard let fields = Self.fields(of: "/proc/self/stat"), fields.count > 21,
            let boot = Self.text("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
                .flatMap({ Double($0.dropFirst(6)) })
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // Counted from the state, the third field of the file.
        return ProcessFigures(
            residentBytes: (Int(fields[21]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)),
            virtualBytes: Int(fields[20]) ?? 0,
            cpuSeconds: ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / ticks,
            openFiles: FileLimit.openFiles,
            mostFiles: FileLimit.current,
            startSeconds: boot + (Double(fields[19]) ?? 0) / ticks)
    }

    /// The fields behind the command's name, which may have anything in it.
    private static func fields(of path: String) -> [Substring]? {
        guard let text = text(path), let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
