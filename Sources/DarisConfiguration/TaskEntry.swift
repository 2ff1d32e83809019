import DarisCore

/// One entry of `tasks:`, before its copies are made.
struct TaskEntry {
    /// The task, with the name as written.
    let task: TaskDeclaration
    /// How many copies of it are wanted.
    let count: Int
    /// Where its name stands.
    let name: Field
    /// Where its model's name stands.
    let model: Field

    private static let keys = [
        "name", "model", "rate", "period", "deadline", "priority", "batch", "phase", "late", "overrun", "arrival",
        "count", "instances",
    ]

    init(_ field: Field, traces: inout TraceFiles) throws(ConfigurationError) {
        let section = try Section(
            field, keys: TaskEntry.keys, example: "{name: front, model: net, rate: 20 Hz, priority: high}")
        name = try section.required("name", example: "name: front")
        model = try section.required("model", example: "model: resnet18")
        let priority = try section.required("priority", example: "priority: high")
        var task = TaskDeclaration(
            name: try name.name(), model: try model.text("the name of a model", example: "resnet18"),
            period: try TaskEntry.period(section),
            priority: try priority.choice([("high", .high), ("low", .low), ("HP", .high), ("LP", .low)]),
            line: field.line)
        if let deadline = section["deadline"] { task.deadline = try deadline.duration(in: Limits.deadline) }
        if let batch = section["batch"] { task.batch = try batch.integer(in: Limits.batch) }
        if let instances = section["instances"] { task.instances = try instances.integer(in: Limits.instances) }
        if let late = section["late"] { task.lateness = try late.choice([("run", .run), ("drop", .drop)]) }
        if let overrun = section["overrun"] { task.overrun = try TaskEntry.overrun(overrun) }
        if let arrival = section["arrival"] {
            task.arrival = try ArrivalPattern(arrival, period: task.period, traces: &traces)
        }
        if let phase = section["phase"] {
            if let problem = task.arrival.phaseProblem { throw phase.error(problem) }
            task.phase = try phase.duration(in: Limits.phase)
        }
        count = try section["count"]?.integer(in: Limits.count) ?? 1
        self.task = task
    }

    /// The tasks it stands for: itself, or name-1, name-2 and so on.
    func copies() throws(ConfigurationError) -> [TaskDeclaration] {
        // The last copy has the longest name.
        if count > 1, let problem = Field.problem(withName: "\(task.name)-\(count)") { throw name.error(problem) }
        return TaskDeclaration.copies(of: task, count: count)
    }

    private static func period(_ section: Section) throws(ConfigurationError) -> Nanoseconds {
        switch (section["rate"], section["period"]) {
        case (let rate?, nil): return Nanoseconds(Int64((1e9 / (try rate.rate())).rounded()))
        case (nil, let period?): return try period.duration(in: Limits.period)
        case (nil, nil):
            throw section.field.error("needs a rate or a period; write 'rate: 20 Hz' or 'period: 50 ms'")
        case (_?, let period?): throw period.error("the task has a rate already; keep one of 'rate' and 'period'")
        }
    }

    private static func overrun(_ field: Field) throws(ConfigurationError) -> OverrunRule {
        guard field.node.mapping != nil else {
            return try field.choice([("skip", .skip), ("queue", .queue(limit: OverrunRule.defaultQueueLimit))])
        }
        let section = try Section(field, keys: ["queue"], example: "{queue: 8}")
        return .queue(limit: try section.required("queue", example: "queue: 8").integer(in: Limits.queue))
    }
}
