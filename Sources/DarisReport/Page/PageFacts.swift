import DarisCore

/// What the page's script must know beside the columns.
struct PageFacts: Encodable {
    struct Task: Encodable {
        let name: String
        let model: String
        let isHigh: Bool
        let family: Int
        let stages: Int
        let deadline: Int64
        let home: Int
    }

    /// Tasks that share a colour: one, or the copies that `count: 3` makes of a task.
    struct Family: Encodable {
        let name: String
        let isHigh: Bool
        let tasks: Int
    }

    struct Loss: Encodable {
        let context: Int
        let from: Int64
        let to: Int64
    }

    /// Response times of a priority: the least times that 1/n, 2/n … of the jobs did not exceed.
    struct Responses: Encodable {
        let name: String
        let jobs: Int
        let milliseconds: [Double]
        let shares: [Double]
        /// The deadlines of its tasks, the shortest first: all of a few, or the first and the last.
        let deadlinesMs: [Double]
        let moreDeadlines: Bool
    }

    static let quantiles = 400
    static let deadlineLimit = 4

    let tasks: [Task]
    let families: [Family]
    let contexts: Int
    let streams: Int
    let from: Int64
    let to: Int64
    let losses: [Loss]
    let responses: [Responses]
    let fates = JobFate.allCases.map { "\($0)" } + ["in flight"]
    let reasons = [""] + FateReason.allCases.map(\.text)

    init(_ page: RunPage) {
        let configuration = page.configuration
        let groups = TaskGroup.groups(of: page.plan.tasks)
        var family: [Int] = []
        for (index, group) in groups.enumerated() { family += group.tasks.map { _ in index } }
        families = groups.map {
            Family(name: $0.name, isHigh: $0.tasks[0].priority == Priority.high.name, tasks: $0.tasks.count)
        }
        tasks = configuration.tasks.enumerated().map { index, task in
            Task(
                name: task.name, model: page.plan.tasks[index].model, isHigh: task.priority == .high,
                family: family[index], stages: task.afet.count, deadline: task.deadline.rawValue,
                home: configuration.homes[index])
        }
        contexts = configuration.partition.contexts
        streams = configuration.partition.streams
        from = page.timeline.from.rawValue
        to = page.timeline.to.rawValue
        losses = page.timeline.losses.map { loss in
            Loss(context: loss.context, from: loss.from.rawValue, to: (loss.to ?? page.timeline.to).rawValue)
        }
        responses = Priority.allCases.compactMap { priority in
            let times = page.statistics.responses[Int(priority.rawValue)].map(\.inMilliseconds)
            guard !times.isEmpty else { return nil }
            let deadlines = Set(configuration.tasks.filter { $0.priority == priority }.map(\.deadline.inMilliseconds))
                .sorted()
            let isMore = deadlines.count > Self.deadlineLimit
            return Responses(
                name: priority.name, jobs: times.count, milliseconds: Self.quantiles(of: times),
                shares: Self.quantiles(of: page.statistics.shares[Int(priority.rawValue)]),
                deadlinesMs: isMore ? [deadlines[0], deadlines[deadlines.count - 1]] : deadlines, moreDeadlines: isMore)
        }
    }

    private static func quantiles(of values: [Double]) -> [Double] {
        let sorted = values.sorted()
        let count = min(sorted.count, quantiles)
        return (1...count).map { part in sorted[(part * sorted.count + count - 1) / count - 1] }
    }
}
