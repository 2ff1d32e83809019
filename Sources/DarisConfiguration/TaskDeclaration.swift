import DarisCore

/// A task τᵢ as a task set declares it: which model runs how often, how urgent it is, and what happens when time is
/// short.
///
/// ```yaml
/// tasks:
///   - {name: front, model: resnet18, rate: 20 Hz, priority: high}
///   - {name: side, model: segment, period: 100 ms, deadline: 80 ms, priority: low, count: 3, late: drop}
/// ```
///
/// Two declarations that differ in nothing but their line are equal.
package struct TaskDeclaration: Hashable, Sendable, Codable {
    /// The name; unique in a task set. The copies of a task with `count: 3` are name-1, name-2, name-3.
    package var name: String
    /// The name of the model it runs.
    package var model: String
    /// Tᵢ: the time between releases, as `arrival` takes it; what admission and `load` are based on.
    package var period: Nanoseconds
    /// Dᵢ: the time from release to deadline; `nil` means the period.
    package var deadline: Nanoseconds?
    /// HP or LP.
    package var priority: Priority
    /// How many inferences one job makes.
    package var batch: Int
    /// How many jobs of it may be in flight at a time.
    package var instances: Int
    /// The time from the start of the run to the first release; `nil` means a seeded random time within the period.
    package var phase: Nanoseconds?
    /// What becomes of late jobs.
    package var lateness: LatenessRule
    /// What becomes of releases that come while the job before is in flight.
    package var overrun: OverrunRule
    /// When its jobs come.
    package var arrival: ArrivalPattern
    private var source: Source

    /// A task with the given times and rules.
    package init(
        name: String, model: String, period: Nanoseconds, deadline: Nanoseconds? = nil, priority: Priority,
        batch: Int = 1, instances: Int = 1, phase: Nanoseconds? = nil, lateness: LatenessRule = .run,
        overrun: OverrunRule = .skip,
        arrival: ArrivalPattern = .periodic, line: Int = 0
    ) {
        self.name = name
        self.model = model
        self.period = period
        self.deadline = deadline
        self.priority = priority
        self.batch = batch
        self.instances = instances
        self.phase = phase
        self.lateness = lateness
        self.overrun = overrun
        self.arrival = arrival
        source = Source(line: line)
    }

    /// The line of the file it stands in, for messages; 0 if it comes from no file.
    package var line: Int {
        get { source.line }
        set { source.line = newValue }
    }

    /// Dᵢ in full: the deadline if given, else the period.
    package var relativeDeadline: Nanoseconds { deadline ?? period }

    /// Tasks that differ in nothing but the numbers behind their names, from 1; a single one keeps its name.
    package static func copies(of task: TaskDeclaration, count: Int) -> [TaskDeclaration] {
        guard count > 1 else { return [task] }
        return (1...count).map { number in
            var copy = task
            copy.name = "\(task.name)-\(number)"
            return copy
        }
    }

    private enum CodingKeys: String, CodingKey {
        case name, model, period, deadline, priority, batch, instances, phase, lateness, overrun, arrival, source
    }
}

/// Where a declaration stands, which is no part of what it says: all are equal.
private struct Source: Hashable, Sendable, Codable {
    var line: Int

    static func == (_: Source, _: Source) -> Bool { true }

    func hash(into _: inout Hasher) {}
}

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
