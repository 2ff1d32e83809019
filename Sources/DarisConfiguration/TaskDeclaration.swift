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
    /// Tᵢ: the time between releases, as `arrival` takes it; what admission and `load` reckon with.
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
