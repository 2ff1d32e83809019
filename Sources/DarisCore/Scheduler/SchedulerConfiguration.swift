/// Everything a scheduler is made from. Equal configurations and equal events give equal commands.
public struct SchedulerConfiguration: Hashable, Sendable, Codable {
    /// Contexts and streams; the oversubscription matters to the device alone.
    public var partition: Partition
    /// The tasks; their place in this array is their index everywhere.
    public var tasks: [TaskSpecification]
    /// The context on which the jobs of each instance of each task start, in the order of the tasks.
    public var homes: [Int]
    /// Policy and ablations.
    public var options: SchedulerOptions
    /// Which tasks may be batched together, and what batches take; `nil` where nothing is batched.
    public var batchGroups: [BatchGroup]?

    /// The most tasks a scheduler takes, and the most instances of all of them together.
    public static let taskLimit = 65_536
    /// The most stages of one task.
    public static let stageLimit = 256
    /// The longest period and deadline: a day.
    public static let longestTime = Nanoseconds.seconds(Int64(86_400))

    /// A configuration with the tasks placed by the paper's algorithm (`Placement`).
    ///
    /// - Throws: `SchedulerError` naming the task and field that cannot be used.
    public init(
        partition: Partition, tasks: [TaskSpecification], options: SchedulerOptions = SchedulerOptions(),
        batchGroups: [BatchGroup]? = nil
    ) throws(SchedulerError) {
        self.partition = partition
        self.tasks = tasks
        self.options = options
        self.batchGroups = batchGroups
        for task in tasks { try Self.validateInstances(task) }
        homes = [Int](repeating: 0, count: tasks.reduce(0) { $0 + $1.instances })
        try validate()
        homes = Placement.place(
            tasks.flatMap { task in
                repeatElement(
                    (task.priority, Utilisation(executionTime: task.totalAFET, period: task.period)),
                    count: task.instances)
            },
            on: Array(0..<partition.contexts),
            load: [Utilisation](repeating: .zero, count: partition.contexts))
    }

    /// Where the instances of each task stand in `homes`. O(tasks).
    public var instances: [Range<Int>] {
        var next = 0
        return tasks.map { task in
            defer { next += task.instances }
            return next..<next + task.instances
        }
    }

    /// Checks every limit.
    ///
    /// - Throws: `SchedulerError` naming the task and field that cannot be used.
    public func validate() throws(SchedulerError) {
        guard (1...Partition.limit).contains(partition.contexts), (1...Partition.limit).contains(partition.streams)
        else {
            throw .partition(contexts: partition.contexts, streams: partition.streams)
        }
        guard partition.oversubscription >= 1, partition.oversubscription <= Double(partition.contexts) else {
            throw .oversubscription(partition.oversubscription, contexts: partition.contexts)
        }
        guard (0...partition.streams).contains(partition.express) else {
            throw .express(partition.express, streams: partition.streams)
        }
        guard partition.express == 0 || options.hasFixedPriorities else { throw .expressWithoutPriorities }
        guard options.rules == nil || (options.batching == nil && partition.express == 0) else {
            throw .publishedRules
        }
        guard (1...SchedulerOptions.windowLimit).contains(options.windowSize) else {
            throw .windowSize(options.windowSize)
        }
        guard tasks.count <= Self.taskLimit else { throw .taskCount(tasks.count) }
        for task in tasks { try Self.validateInstances(task) }
        let instances = tasks.reduce(0) { $0 + $1.instances }
        guard instances <= Self.taskLimit else { throw .instances(instances) }
        guard homes.count == instances, homes.allSatisfy({ (0..<partition.contexts).contains($0) }) else {
            throw .homes(contexts: partition.contexts)
        }
        for task in tasks { try Self.validate(task) }
        try validateBatching()
    }

    /// The AFET of a stage of a task, alone or together with jobs of others of its group, `jobs` in all; `nil` if no such
    /// batch was measured.
    package func afet(of task: Int, stage: Int, jobs: Int) -> Nanoseconds? {
        if jobs == 1 { return tasks[task].afet[stage] }
        guard let group = tasks[task].batchGroup else { return nil }
        return batchGroups?[group].afet(jobs: jobs, stage: stage)
    }

    /// A time held between zero and the longest that sums can take.
    package static func clamped(_ time: Nanoseconds) -> Nanoseconds { min(max(time, .zero), longestTime) }

    private func validateBatching() throws(SchedulerError) {
        if let limit = options.batching, !(2...BatchGroup.jobLimit).contains(limit) {
            throw .batching(limit)
        }
        for (index, group) in (batchGroups ?? []).enumerated() {
            let jobs = group.sizes.map(\.jobs)
            guard jobs.allSatisfy({ (2...BatchGroup.jobLimit).contains($0) }), jobs == Array(Set(jobs)).sorted() else {
                throw .batchGroup(index, reason: "sizes must ascend from 2 to \(BatchGroup.jobLimit), not \(jobs)")
            }
            let times = group.sizes.flatMap(\.afet)
            guard times.allSatisfy({ $0 >= .zero && $0 <= Self.longestTime }) else {
                throw .batchGroup(index, reason: "an execution time must be from 0 to a day")
            }
        }
        var batches = [Int?](repeating: nil, count: batchGroups?.count ?? 0)
        for task in tasks {
            guard let index = task.batchGroup else { continue }
            guard let groups = batchGroups, groups.indices.contains(index) else {
                throw .task(task.name, .batchGroup, reason: "there is no batch group \(index)")
            }
            guard groups[index].sizes.allSatisfy({ $0.afet.count == task.afet.count }) else {
                throw .task(
                    task.name, .batchGroup, reason: "its batch group has other stages than its \(task.afet.count)")
            }
            guard batches[index] ?? task.batch == task.batch else {
                throw .task(task.name, .batchGroup, reason: "its batch group has tasks of another batch")
            }
            batches[index] = task.batch
        }
    }

    /// Checks the limits of one task.
    static func validate(_ task: TaskSpecification) throws(SchedulerError) {
        try validateInstances(task)
        try validateTimes(task)
    }

    private static func validateInstances(_ task: TaskSpecification) throws(SchedulerError) {
        guard (1...TaskSpecification.instanceLimit).contains(task.instances) else {
            throw .task(
                task.name, .instances,
                reason: "a task has 1 to \(TaskSpecification.instanceLimit) instances, not \(task.instances)")
        }
    }

    private static func validateTimes(_ task: TaskSpecification) throws(SchedulerError) {
        guard task.period > .zero, task.period <= longestTime else {
            throw .task(task.name, .period, reason: "the period must be above 0 and at most a day")
        }
        guard task.deadline > .zero, task.deadline <= longestTime else {
            throw .task(task.name, .deadline, reason: "the deadline must be above 0 and at most a day")
        }
        guard (1...stageLimit).contains(task.afet.count) else {
            throw .task(
                task.name, .afet, reason: "a task has 1 to \(stageLimit) stages, not \(task.afet.count)")
        }
        guard task.afet.allSatisfy({ $0 >= .zero && $0 <= longestTime }), task.totalAFET <= longestTime else {
            throw .task(task.name, .afet, reason: "an execution time, and their sum, must be from 0 to a day")
        }
        guard (1...TaskSpecification.batchLimit).contains(task.batch) else {
            throw .task(
                task.name, .batch,
                reason: "the batch must be from 1 to \(TaskSpecification.batchLimit), not \(task.batch)")
        }
        if case .queue(let limit) = task.overrun, !(1...OverrunRule.largestQueueLimit).contains(limit) {
            throw .task(
                task.name, .overrun,
                reason: "the queue limit must be from 1 to \(OverrunRule.largestQueueLimit), not \(limit)")
        }
    }
}

extension TaskSpecification {
    /// The AFET of the whole task: the sum over its stages.
    package var totalAFET: Nanoseconds { afet.reduce(.zero, +) }
}
