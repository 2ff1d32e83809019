import DarisCore
import Foundation

/// The data of the page's script beside the columns.
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

    /// Tasks that share a colour: a single task, or the copies that `count: 3` makes of one.
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

    /// Response times of a priority: the quantiles at 1/n, 2/n … 1.
    struct Responses: Encodable {
        let name: String
        let jobs: Int
        let milliseconds: [Double]
        let shares: [Double]
        /// The deadlines of its tasks, ascending: all if they are few, else the first and the last.
        let deadlinesMs: [Double]
        let moreDeadlines: Bool
    }

    static let quantiles = 400
    static let deadlineLimit = 4

    let tasks: [Task]
    let families: [Family]
    let contexts: Int
    /// The lanes of a context, and how many of them, the last ones, are express lanes.
    let lanes: Int
    let express: Int
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
        let instances = configuration.instances
        tasks = configuration.tasks.enumerated().map { index, task in
            Task(
                name: task.name, model: page.plan.tasks[index].model, isHigh: task.priority == .high,
                family: family[index], stages: task.afet.count, deadline: task.deadline.rawValue,
                home: configuration.homes[instances[index].lowerBound])
        }
        contexts = configuration.partition.contexts
        lanes = configuration.partition.lanesPerContext
        express = configuration.partition.express
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

/// Integers in few bytes: zigzag, then seven bits a byte, least significant first; as text in Base64.
///
/// A 60 s run has some 100,000 stage runs. They would take 8 MB as JSON, and take 1 MB here. `data.js` reads it.
struct Columns {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func append(_ value: Int) { append(Int64(value)) }
    mutating func append(_ time: Nanoseconds) { append(time.rawValue) }

    var text: String { Data(bytes).base64EncodedString() }
}

extension TimelineHistory {
    /// Jobs and runs in the form that `data.js` reads. Most values are differences from an earlier one.
    ///
    /// First the number of jobs and the jobs in order of release. For each: release since the last release, task,
    /// sequence number since the last of its task, deadline less the task's, fate (5 in flight), reason (0 none),
    /// context (0 none) × 2 + migrated, response.
    ///
    /// Then for each lane the number of runs and the runs. For each: start since the end of the last, duration, stage,
    /// job since the last, expected time since the last of that task and stage, outcome, duration less measured, other
    /// jobs.
    func columns(lanes: Int, tasks: [TaskSpecification]) -> Columns {
        let last = Int(JobFate.allCases.count)
        var columns = Columns()
        var places: [Int: Int] = [:]
        let shown = shownJobs
        for (place, index) in shown.enumerated() { places[index] = place }
        columns.append(shown.count)
        var release = from
        var sequences = [Int](repeating: -1, count: tasks.count)
        for index in shown {
            let job = jobs[index]
            columns.append(job.release - release)
            columns.append(job.id.task)
            columns.append(job.id.sequence - sequences[job.id.task] - 1)
            columns.append(job.deadline - job.release - tasks[job.id.task].deadline)
            columns.append(job.fate.map { Int($0.rawValue) } ?? last)
            columns.append(job.reason.map { Int($0.rawValue) + 1 } ?? 0)
            columns.append(job.context.map { ($0 + 1) * 2 + (job.migrated ? 1 : 0) } ?? 0)
            columns.append(job.finish - job.release)
            release = job.release
            sequences[job.id.task] = job.id.sequence
        }
        var byLane = [[Run]](repeating: [], count: lanes)
        for run in runs where run.jobs.first.map({ places[$0] != nil }) == true && run.run.start <= to {
            byLane[run.run.lane].append(run)
        }
        var expected: [JobID: Nanoseconds] = [:]
        for runs in byLane {
            columns.append(runs.count)
            var (time, job) = (from, 0)
            for run in runs {
                let places = run.jobs.compactMap { places[$0] }
                let stage = JobID(task: run.run.jobs[0].task, sequence: run.run.stage)
                columns.append(run.run.start - time)
                columns.append(run.run.duration)
                columns.append(run.run.stage)
                columns.append(places[0] - job)
                columns.append(run.run.expected - expected[stage, default: .zero])
                columns.append(Int(run.run.outcome.rawValue))
                columns.append(run.run.duration - (run.run.measured ?? run.run.duration))
                columns.append(places.count - 1)
                for place in places.dropFirst() { columns.append(place - places[0]) }
                (time, job, expected[stage]) = (run.run.end, places[0], run.run.expected)
            }
        }
        return columns
    }

    /// The jobs that overlap the span.
    private var shownJobs: [Int] { jobs.indices.filter { jobs[$0].finish >= from && jobs[$0].release <= to } }
}
