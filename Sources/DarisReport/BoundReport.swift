import DarisCore

/// The longest response of each HP task by analysis, for people.
package struct BoundReport: Sendable {
    private let bounds: [ResponseBound]
    private let configuration: SchedulerConfiguration

    /// A report on the bounds of a configuration.
    package init(_ bounds: [ResponseBound], _ configuration: SchedulerConfiguration) {
        self.bounds = bounds
        self.configuration = configuration
    }

    /// The report in lines of at most `TextTable.pageWidth` columns, without a line break at the end.
    package func text(styling: Styling) -> String {
        var table = TextTable(
            [
                .text("task"), .text("context"), .number("deadline"), .number("bound"), .number("of it LP"),
                .text("in time"), .text("theorem"),
            ], indent: 2)
        let instances = configuration.instances
        for bound in bounds.prefix(PlanReport.rowLimit) {
            let task = configuration.tasks[bound.task]
            let homes = Set(configuration.homes[instances[bound.task]]).sorted()
            table.append([
                task.name, Figure.ranges(homes), Figure.milliseconds(task.deadline.inMilliseconds),
                bound.response.map { Figure.milliseconds($0.inMilliseconds) } ?? Figure.none,
                bound.response == nil ? Figure.none : Figure.milliseconds(bound.blocking.inMilliseconds),
                bound.isInTime ? "yes" : "perhaps not", bound.theorem.map { "\(number($0))" } ?? Figure.none,
            ])
        }
        let heading = "The longest response of HP jobs, if no stage exceeds its AFET (times in ms)"
        var lines = [styling.apply(.heading, to: heading)] + table.lines(styling: styling)
        lines += PlanReport.rest(bounds.count)
        let used = Set(bounds.compactMap(\.theorem)).sorted { number($0) < number($1) }
        for theorem in used {
            lines += "  \(number(theorem)): \(theorem.statement) (\(theorem.source))".wrapped(indent: 5)
        }
        for gap in Set(bounds.compactMap(\.gap)).sorted(by: { "\($0)" < "\($1)" }) {
            lines += "  \(Figure.none): \(gap)".wrapped(indent: 5)
        }
        return (lines + [""] + conclusion.wrapped()).joined(separator: "\n")
    }

    private var conclusion: String {
        let late = bounds.filter { !$0.isInTime }
        guard !late.isEmpty else {
            return "By this analysis no HP job misses its deadline, whatever the phases of the tasks are."
        }
        let names = PlanReport.shortList(late.map { configuration.tasks[$0.task].name })
        let of = "\(late.count) of \(Figure.counted(bounds.count, "HP task"))"
        let partition = configuration.partition
        guard partition.express < partition.streams, late.contains(where: { $0.blocking > .zero }) else {
            return "\(of) may miss deadlines: \(names)."
        }
        return
            "\(of) may miss deadlines: \(names). With 'express: \(partition.streams)' under 'partition' none would wait "
            + "for LP."
    }

    private func number(_ theorem: ResponseBound.Theorem) -> Int {
        switch theorem {
        case .oneLaneAnyOrder: 1
        case .oneLaneInOrder: 2
        case .severalLanes: 3
        }
    }
}
