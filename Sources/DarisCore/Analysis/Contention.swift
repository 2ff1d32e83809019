/// Whose stages compete for the lanes of one context, and what they can be blocked by: all that the analysis of response
/// times knows. Times are whole nanoseconds.
struct Contention: Sendable {
    /// A task that competes.
    struct Task: Sendable {
        /// Its index in the configuration.
        let task: Int
        let period: Int64
        let deadline: Int64
        /// How many jobs of it may be in flight on the context.
        let instances: Int64
        /// Whether releases wait for earlier jobs of the task.
        let queues: Bool
        /// How long each stage holds a lane at most.
        let costs: [Int64]
        /// The place of each stage in the order, counted from the release, ascending: with `daris` its virtual deadline. The
        /// least and the most that it can be; they differ only where MRETs vary.
        let keys: [Int64]
        let latestKeys: [Int64]
        /// Sums of `costs`: of no stage, of the first, of the first two …
        let sums: [Int64]

        init(
            task: Int, _ specification: TaskSpecification, instances: Int, costs: [Int64], keys: [Int64],
            latestKeys: [Int64]
        ) {
            self.task = task
            period = specification.period.rawValue
            deadline = specification.deadline.rawValue
            self.instances = Int64(instances)
            queues = if case .queue = specification.overrun { true } else { false }
            self.costs = costs
            self.keys = keys
            self.latestKeys = latestKeys
            sums = costs.reduce(into: [0]) { $0.append(Limited.sum($0[$0.count - 1], $1)) }
        }

        var stages: Int { costs.count }
        /// The execution time of a job.
        var total: Int64 { sums[costs.count] }
        var lastCost: Int64 { costs[costs.count - 1] }
        var lastKey: Int64 { keys[keys.count - 1] }
        /// How many releases there can be from 0 to `time`, both included.
        func releases(through time: Int64) -> Int64 { time < 0 ? 0 : time / period + 1 }
    }

    /// m: how many stages of the tasks run at least while one of them waits and nothing is blocked.
    let lanes: Int
    /// Whether there is one lane and the tasks run nowhere else.
    let isOneLane: Bool
    let tasks: [Task]
    /// The longest stage of each job that does not compete but may hold a lane, longest first; as many as there are lanes.
    let blockers: [Int64]
    /// How long a stage may be delayed by what it preempts. It is in the tasks' costs.
    let preemption: Int64
    /// Whether last stages, and stages whose predecessor was late, go before others.
    let levels: (last: Bool, late: Bool)
    /// Whether a stage may run with others of its kind, before its turn.
    let isBatched: Bool

    /// The contentions on a context. More than one if each gives a bound of its own.
    static func all(
        _ configuration: SchedulerConfiguration, context: Int, times: [[Nanoseconds]], preemption: Nanoseconds,
        pausesOne: Bool, sharesVary: Bool
    ) -> [Contention] {
        let (streams, express) = (configuration.partition.streams, configuration.partition.express)
        let model = Model(configuration, context: context, times: times, sharesVary: sharesVary)
        if express == 0 { return [Contention(model, lanes: streams, of: streams, blocked: true, preemption: 0)] }
        // While an HP stage waits, either N_s of them run or all express lanes have one.
        let ahead = Contention(
            model, lanes: min(express, streams), of: streams, blocked: false, preemption: preemption.rawValue)
        guard express < streams, pausesOne else { return [ahead] }
        // A lane of which the LP stage is delayed is busy with the HP stage that delays it.
        return [ahead, Contention(model, lanes: streams, of: streams, blocked: true, preemption: preemption.rawValue)]
    }

    private init(_ model: Model, lanes: Int, of streams: Int, blocked: Bool, preemption: Int64) {
        let delay = model.lowPriority.isEmpty ? 0 : preemption
        self.lanes = lanes
        isOneLane = streams == 1
        tasks = model.tasks.map { $0.delayed(by: delay) }
        blockers = blocked ? Array(model.lowPriority.sorted(by: >).prefix(lanes)) : []
        self.preemption = delay
        levels = model.levels
        isBatched = model.isBatched
    }
}

extension Contention.Task {
    /// The task where each of its stages begins later.
    fileprivate func delayed(by delay: Int64) -> Self {
        delay == 0 ? self : Self(self, costs: costs.map { Limited.sum($0, delay) })
    }

    private init(_ other: Self, costs: [Int64]) {
        (task, period, deadline) = (other.task, other.period, other.deadline)
        (instances, queues, keys, latestKeys) = (other.instances, other.queues, other.keys, other.latestKeys)
        self.costs = costs
        sums = costs.reduce(into: [0]) { $0.append(Limited.sum($0[$0.count - 1], $1)) }
    }
}

/// What a configuration says of a context.
private struct Model {
    private(set) var tasks: [Contention.Task] = []
    /// The longest stage of each LP job that may run there without competing.
    private(set) var lowPriority: [Int64] = []
    let levels: (last: Bool, late: Bool)
    private(set) var isBatched = false

    init(_ configuration: SchedulerConfiguration, context: Int, times: [[Nanoseconds]], sharesVary: Bool) {
        let options = configuration.options
        let prioritised = configuration.options.hasFixedPriorities
        levels = (prioritised && options.lastStageLevel, prioritised && options.lateLevel)
        for (index, range) in configuration.instances.enumerated() {
            let task = configuration.tasks[index]
            let migrates = options.tests(task.priority) && options.migration
            let instances = migrates ? range.count : range.count { configuration.homes[$0] == context }
            guard instances > 0 else { continue }
            let costs = task.afet.indices.map { configuration.longest(times[index][$0], of: index, stage: $0).rawValue }
            if prioritised && task.priority == .low {
                let kept = min(instances, configuration.partition.streams)
                lowPriority.append(contentsOf: repeatElement(costs.max()!, count: kept))
            } else {
                let keys = Self.keys(of: task, times[index], options.policy)
                // The last stage is due at the deadline whatever MRETs are, and the others before.
                let varies = sharesVary && options.policy == .daris
                let last = keys.count - 1
                tasks.append(
                    Contention.Task(
                        task: index, task, instances: instances, costs: costs,
                        keys: varies ? keys.indices.map { $0 < last ? 0 : keys[last] } : keys,
                        latestKeys: varies ? keys.map { _ in keys[last] } : keys))
                if configuration.isBatched(index) { isBatched = true }
            }
        }
    }

    private static func keys(of task: TaskSpecification, _ times: [Nanoseconds], _ policy: SchedulingPolicy) -> [Int64]
    {
        switch policy {
        case .fifo: return times.map { _ in 0 }
        case .edf: return times.map { _ in task.deadline.rawValue }
        case .daris:
            let total = times.reduce(.zero, +)
            var upTo = Nanoseconds.zero
            return times.map { time in
                upTo += time
                return VirtualDeadlines.deadline(
                    release: .zero, relativeDeadline: task.deadline, upTo: upTo, total: total
                ).rawValue
            }
        }
    }
}

extension SchedulerConfiguration {
    /// Whether jobs of a task may run a stage with others.
    fileprivate func isBatched(_ task: Int) -> Bool {
        options.largestBatch > 1 && tasks[task].batchGroup.map { !(batchGroups ?? [])[$0].sizes.isEmpty } ?? false
    }

    /// The longest that a stage may take, alone or in a batch.
    fileprivate func longest(_ time: Nanoseconds, of task: Int, stage: Int) -> Nanoseconds {
        guard isBatched(task), let group = tasks[task].batchGroup else { return time }
        let sizes = (batchGroups ?? [])[group].sizes.filter { $0.jobs <= options.largestBatch }
        return sizes.reduce(time) { max($0, $1.afet[stage]) }
    }
}

/// Arithmetic that stops far beyond every time of an analysis rather than overflow.
enum Limited {
    static let most: Int64 = 1 << 60

    @inline(__always)
    static func sum(_ a: Int64, _ b: Int64) -> Int64 { min(most, a + b) }

    @inline(__always)
    static func product(_ a: Int64, _ b: Int64) -> Int64 {
        let (product, overflows) = a.multipliedReportingOverflow(by: b)
        return overflows ? most : min(most, product)
    }
}
