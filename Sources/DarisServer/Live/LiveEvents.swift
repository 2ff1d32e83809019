import DarisCore
import DarisRuntime
import NIOCore

/// The server-sent events of the live page. Times are in milliseconds, utilisations in lanes; what is sent often is in
/// arrays, whose fields docs/monitoring.md names.
enum LiveEvents {
    static let contentType = "text/event-stream"

    /// What never changes: the first event of each connection.
    static func plan(_ plan: RunPlan, version: String) -> ByteBuffer {
        var json = JSONWriter()
        json.raw("{\"version\":")
        json.string(version)
        json.raw(",\"device\":")
        json.string(plan.device)
        json.raw(",\"unit\":")
        json.string(plan.unitName)
        json.raw(",\"streams\":\(plan.partition.streams),\"express\":\(plan.partition.express),\"contexts\":[")
        list(plan.contexts, &json) { context, json in
            json.raw("{\"quota\":\(context.quota),\"units\":")
            json.shape(context.units)
            json.raw("}")
        }
        json.raw("],\"bounds\":[")
        list(TimeBuckets(unit: .microseconds(100)).bounds, &json) { $1.raw(milliseconds($0)) }
        json.raw("],\"decisionBounds\":[")
        list(TimeBuckets(unit: Nanoseconds(100)).bounds, &json) { $1.raw(milliseconds($0)) }
        json.raw("],\"tasks\":[")
        list(plan.tasks, &json) { task, json in
            json.raw("{\"name\":")
            json.string(task.name)
            json.raw(",\"model\":")
            json.string(task.model)
            json.raw(",\"hp\":\(task.priority == Priority.high.name),\"deadline\":\(number(task.deadlineMs))")
            json.raw(
                ",\"period\":\(number(task.periodMs)),\"batch\":\(task.batch),\"stages\":\(task.stageAfetMs.count)")
            json.raw(",\"contexts\":")
            json.shape(task.contexts)
            json.raw("}")
        }
        json.raw("]}")
        return event("plan", json.bytes)
    }

    /// What is so now, and the stages that ended since the view before.
    ///
    /// - Parameter seen: how many stages had ended by then.
    static func view(
        _ view: SystemView, since seen: Int, isReady: Bool, requestsInFlight: Int, totals: InferenceService.Totals,
        models: [ServedModel] = []
    ) -> ByteBuffer {
        var json = JSONWriter()
        json.raw("{\"time\":\(milliseconds(view.time)),\"ready\":\(isReady),\"requests\":\(requestsInFlight)")
        json.raw(",\"answered\":\(totals.answered),\"refused\":\(totals.refused)")
        json.raw(",\"contexts\":[")
        list(view.contexts, &json) { context, json in
            let admission = context.admission
            json.raw("[\(admission.isAlive ? 1 : 0),\(number(admission.highPriority.fraction))")
            json.raw(",\(number(admission.activeLowPriority.fraction))")
            json.raw(",\(number(admission.headroom(of: context.capacity).fraction))")
            json.raw(",\(context.readyStages),\(context.losses)]")
        }
        json.raw("],\"lanes\":[")
        list(view.lanes, &json) { lane, json in
            guard let stage = lane.stage else { return json.raw("null") }
            json.raw("[\(stage.job.task),\(stage.job.sequence),\(stage.stage),\(milliseconds(stage.start))")
            json.raw(",\(milliseconds(stage.mret)),\(milliseconds(stage.deadline)),\(stage.jobs)]")
        }
        json.raw("],\"busy\":[")
        list(view.lanes, &json) { $1.raw(milliseconds($0.busy)) }
        json.raw("],\"models\":[")
        list(models, &json) { model, json in self.model(model, &json) }
        json.raw("],\"tasks\":[")
        list(view.tasks, &json) { task, json in
            json.raw("[\(task.home),\(task.isRemoved ? 1 : 0),\(milliseconds(task.mret))")
            json.raw(",\(number(task.utilisation.fraction)),")
            jobs(task.jobs, &json)
            json.raw("]")
        }
        json.raw("],\"hp\":[")
        jobs(view.high, &json)
        json.raw("],\"lp\":[")
        jobs(view.low, &json)
        json.raw("],\"decisions\":[")
        buckets(view.decisions, &json)
        // Of those that ended since, the ring may have lost some: the page says so rather than show gaps as idleness.
        let fresh = view.recent.suffix(max(0, min(view.recent.count, view.stagesEnded - seen)))
        json.raw("],\"lost\":\(max(0, view.stagesEnded - seen - fresh.count)),\"runs\":[")
        list(fresh, &json) { run, json in
            json.raw(
                "[\(run.lane),\(run.task),\(run.sequence),\(run.stage),\(milliseconds(run.end - run.executionTime))")
            json.raw(",\(milliseconds(run.executionTime)),\(run.jobs)]")
        }
        json.raw("]}")
        return event("view", json.bytes)
    }

    /// The server ends; there is nothing to come back for soon.
    static let end = event("end", Array("{}".utf8))

    /// The frame: a name, one line of data, an empty line.
    static func event(_ name: StaticString, _ data: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(data.count + 32)
        buffer.writeString("event: \(name)\ndata: ")
        // JSON has no bare line ends; a frame with one would break in two.
        precondition(!data.contains { $0 == 10 || $0 == 13 }, "an event's data is one line")
        buffer.writeBytes(data)
        buffer.writeString("\n\n")
        return buffer
    }

    /// A model's requests, and its last error.
    private static func model(_ model: ServedModel, _ json: inout JSONWriter) {
        let (figures, error) = (model.statistics.figures, model.statistics.lastError)
        let load = [model.own, model.other].compactMap { $0?.load }
        json.raw("[")
        json.string(model.name)
        json.raw(",\(load.reduce(0) { $0 + $1.waiting }),\(load.reduce(0) { $0 + $1.inFlight })")
        json.raw(",\(figures.success.count - figures.late),\(figures.late),\(figures.refused),\(figures.tooLate)")
        json.raw(",\(figures.fail.count - figures.refused - figures.tooLate),")
        guard let error else { return json.raw("null,0]") }
        json.string(error.message)
        json.raw(",\(milliseconds(error.age))]")
    }

    private static func jobs(_ jobs: SystemView.Jobs, _ json: inout JSONWriter) {
        let counts = jobs.counts
        json.raw("\(counts.released),\(counts.rejected),\(counts.skipped),\(counts.completed),\(counts.dropped)")
        json.raw(",\(counts.failed),\(counts.inFlight),\(jobs.late),\(jobs.cancelled),\(jobs.missed),\(jobs.migrated)")
        json.raw(",\(jobs.inferences),\(jobs.refused),\(jobs.expired),\(number(jobs.dmr)),\(number(jobs.acceptance)),[")
        buckets(jobs.response, &json)
        json.raw("]")
    }

    /// The cumulative counts, the whole count last.
    private static func buckets(_ times: TimeBuckets, _ json: inout JSONWriter) {
        list(times.cumulative, &json) { $1.raw("\($0)") }
        json.raw(",\(times.count)")
    }

    private static func list<Elements: Sequence>(
        _ elements: Elements, _ json: inout JSONWriter, _ body: (Elements.Element, inout JSONWriter) -> Void
    ) {
        var isFirst = true
        for element in elements {
            if !isFirst { json.raw(",") }
            isFirst = false
            body(element, &json)
        }
    }

    /// To the microsecond; to the nanosecond below 100 µs.
    private static func milliseconds(_ time: Nanoseconds) -> String {
        let value = time.inMilliseconds
        return abs(value) < 0.1 ? "\(value)" : "\((value * 1_000).rounded() / 1_000)"
    }

    /// To the millionth.
    private static func number(_ value: Double) -> String {
        value.isFinite ? "\((value * 1e6).rounded() / 1e6)" : "0"
    }
}
