import DarisCore

/// What an auditor knows of jobs that run together.
struct AuditedBatching: Sendable {
    /// Whether any ever may.
    let isOn: Bool
    private let largest: Int
    private let options: SchedulerOptions
    /// By group: the sizes that may be used, the largest first.
    private let usable: [[Int]]
    private let groups: [BatchGroup]
    private let groupOfTask: [Int?]
    /// Times of batches, by group and size.
    private var times: [[AuditedTimes]]
    /// Time of a lane that the stages of all tasks cost.
    var costs: AuditedTimes
    /// By lane: when its stage was dispatched.
    var dispatchTimes: [Int64]
    /// By group: the instances of its tasks, shared out to the contexts.
    private let instancesForEach: [Int]
    /// By lane: the jobs that run there with the first of the dispatch.
    var followers: [[Int]]
    /// The jobs of a batch that must go on together on their lane, as the first thing that is done; empty if there are none.
    var goingOn: (lane: Int, jobs: [Int]) = (-1, [])

    init(_ configuration: SchedulerConfiguration) {
        let options = configuration.options
        self.options = options
        groups = configuration.batchGroups ?? []
        isOn = options.policy == .daris && options.batching != nil && !groups.isEmpty
        largest = isOn ? options.batching ?? 1 : 1
        groupOfTask = isOn ? configuration.tasks.map(\.batchGroup) : []
        let (largest, groups) = (largest, groups)
        usable = groups.indices.map { group in
            let deadlines = configuration.tasks.filter { $0.batchGroup == group }.map(\.deadline.rawValue)
            return groups[group].sizes.filter { size in
                // Twice the time of a batch within 80 % of the shortest deadline.
                let time = size.afet.reduce(Int128(0)) { $0 + Int128($1.rawValue) }
                let isShort = deadlines.allSatisfy { 2 * time <= Int128($0) * 80 / 100 }
                return size.jobs <= largest && (!options.follows(.sizes) || isShort)
            }.map(\.jobs).reversed()
        }
        times = groups.map { group in group.sizes.map { AuditedTimes($0.afet, options) } }
        costs = AuditedTimes(
            isOn ? configuration.tasks.flatMap(\.afet) : [], options,
            statistic: .meanWithMargin(percent: options.follows(.cost) ? 110 : 125))
        dispatchTimes = Array(repeating: 0, count: isOn ? configuration.partition.laneCount : 0)
        instancesForEach = groups.indices.map { group in
            configuration.tasks.reduce(0) { $0 + ($1.batchGroup == group ? $1.instances : 0) }
                / configuration.partition.contexts
        }
        followers = Array(repeating: [], count: isOn ? configuration.partition.laneCount : 0)
    }

    /// The group of a task, `nil` if it never runs with others.
    func group(of task: Int) -> Int? { isOn ? groupOfTask[task] : nil }

    /// The numbers of jobs that may run together with a task's, the largest first.
    func sizes(of task: Int) -> [Int] {
        guard let group = group(of: task) else { return [] }
        return usable[group]
    }

    /// How long a batch takes; `nil` if none of that size is ever run.
    func time(of task: Int, jobs: Int, stage: Int) -> Int64? {
        guard let group = group(of: task), usable[group].contains(jobs),
            let size = groups[group].sizes.firstIndex(where: { $0.jobs == jobs })
        else { return nil }
        return times[group][size][stage]
    }

    /// The time of all stages from one on in the largest batch that a task may run in; 0 if it runs in none.
    func remaining(of task: Int, from stage: Int) -> Int64 {
        guard let group = group(of: task), let jobs = usable[group].first else { return 0 }
        let stages = groups[group].sizes[0].afet.count
        return (stage..<stages).reduce(0) { $0 + (time(of: task, jobs: jobs, stage: $1) ?? 0) }
    }

    /// Takes in the time of a batch.
    mutating func record(_ time: Int64, of task: Int, jobs: Int, stage: Int) {
        guard let group = group(of: task), let size = groups[group].sizes.firstIndex(where: { $0.jobs == jobs }) else {
            return
        }
        _ = times[group][size].record(time, stage: stage)
    }

    /// What a stage costs each of some jobs that kept a lane for a time together: a share of it, or of the time of a batch of
    /// another size, up to the largest (without the rule of cost a quarter of it) and to a quarter of the group's instances for each context, if that is less.
    func cost(_ time: Int64, of task: Int, jobs: Int, stage: Int) -> Int64 {
        var least = time / Int64(jobs)
        guard let group = group(of: task), let largestSize = sizes(of: task).first else { return least }
        let part = options.follows(.cost) ? largestSize : largestSize / 4
        for size in sizes(of: task) where size <= min(part, instancesForEach[group] / 4) {
            if let time = self.time(of: task, jobs: size, stage: stage) { least = min(least, time / Int64(size)) }
        }
        return least
    }
}
