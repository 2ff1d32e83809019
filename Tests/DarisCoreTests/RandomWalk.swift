@testable import DarisCore

/// A random task set and a random walk of events over it, from one seed. It knows of a scheduler only what its commands
/// tell: what runs on which lane, and the wake it asked for.
struct RandomWalk {
    let configuration: SchedulerConfiguration
    let unit: Int64
    private(set) var now: Int64 = 0
    private(set) var laneJobs: [(job: JobID, stage: Int)?]
    /// The jobs that run with the one that was dispatched on each lane.
    private(set) var companions: [[JobID]]
    private(set) var outstandingWake: Int64?
    private var released: [Int]
    private var random: SplitMix64

    /// - Parameter instances: whether tasks may have several.
    init(seed: UInt64, instances: Bool = false) throws {
        var random = SplitMix64(seed: seed)
        unit = [Int64(1), 1000, 1_000_003].randomElement(using: &random)!
        let drawn = try Self.configuration(unit: unit, using: &random)
        var configuration = instances ? try Self.withInstances(drawn, using: &random) : drawn
        if seed % 2 == 1, configuration.options.hasFixedPriorities {
            // Drawn apart, so that the walks without express lanes stay what they are.
            var apart = SplitMix64(seed: seed ^ 0xE897)
            configuration.partition.express = Int.random(in: 1...configuration.partition.streams, using: &apart)
        }
        if seed % 4 == 2, configuration.options.policy == .daris, configuration.options.batching == nil {
            configuration.options.rules = .all
        }
        self.configuration = configuration
        laneJobs = Array(repeating: nil, count: configuration.partition.laneCount)
        companions = Array(repeating: [], count: configuration.partition.laneCount)
        released = Array(repeating: 0, count: configuration.tasks.count)
        self.random = random
    }

    private static func configuration(unit: Int64, using random: inout SplitMix64) throws -> SchedulerConfiguration {
        var options = SchedulerOptions()
        if Int.random(in: 0..<5, using: &random) == 0 { options.policy = [.edf, .fifo].randomElement(using: &random)! }
        options.windowSize = [1, 2, 3, 5, 5, 5].randomElement(using: &random)!
        if Int.random(in: 0..<2, using: &random) == 0 {
            func flip(_ value: inout Bool) { if Int.random(in: 0..<6, using: &random) == 0 { value.toggle() } }
            flip(&options.worstCaseExecutionTime)
            flip(&options.lastStageLevel)
            flip(&options.lateLevel)
            flip(&options.fixedPriority)
            flip(&options.migration)
            flip(&options.admission)
            flip(&options.forgetting)
        }
        let contexts = Int.random(in: 1...4, using: &random)
        let partition = Partition(
            contexts: contexts, streams: Int.random(in: 1...3, using: &random), oversubscription: 1)
        let heaviest = Int64.random(in: 1...6, using: &random)
        let tasks = (0..<Int.random(in: 1...12, using: &random)).map { index in
            let period = Int64.random(in: 5...60, using: &random)
            return TaskSpecification(
                name: "t\(index)", period: Nanoseconds(period * unit),
                deadline: Bool.random(using: &random)
                    ? nil : Nanoseconds(Int64.random(in: 1...60, using: &random) * unit),
                priority: Int.random(in: 0..<3, using: &random) == 0 ? .high : .low,
                lateness: Int.random(in: 0..<3, using: &random) == 0 ? .drop : .run,
                overrun: Bool.random(using: &random) ? .skip : .queue(limit: Int.random(in: 1...3, using: &random)),
                afet: (0..<Int.random(in: 1...6, using: &random)).map { _ in
                    Nanoseconds(Int64.random(in: 0...heaviest, using: &random) * unit)
                })
        }
        // A walk in three has tasks that can run together.
        guard Int.random(in: 0..<3, using: &random) == 0 else {
            return try SchedulerConfiguration(partition: partition, tasks: tasks, options: options)
        }
        return try batching(tasks, partition, options, unit: unit, using: &random)
    }

    /// The same with one or two groups of tasks that may run together.
    private static func batching(
        _ tasks: [TaskSpecification], _ partition: Partition, _ options: SchedulerOptions, unit: Int64,
        using random: inout SplitMix64
    ) throws -> SchedulerConfiguration {
        var (tasks, options) = (tasks, options)
        options.batching = Int.random(in: 2...9, using: &random)
        options.batchingRules = Set(BatchingRule.allCases.filter { _ in Bool.random(using: &random) })
        let groups = (0..<Int.random(in: 1...2, using: &random)).map { _ in
            let stages = Int.random(in: 1...4, using: &random)
            let sizes = [2, 3, 4, 8].filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
            return (
                stages: stages,
                group: BatchGroup(
                    sizes: sizes.map { jobs in
                        BatchGroup.Size(
                            jobs: jobs,
                            afet: (0..<stages).map { _ in
                                Nanoseconds(Int64.random(in: 0...6, using: &random) * unit * Int64(jobs) / 3)
                            })
                    })
            )
        }
        for index in tasks.indices where Int.random(in: 0..<5, using: &random) > 0 {
            let group = groups.indices.randomElement(using: &random)!
            tasks[index].batchGroup = group
            tasks[index].afet = (0..<groups[group].stages).map { _ in
                Nanoseconds(Int64.random(in: 0...4, using: &random) * unit)
            }
            if Bool.random(using: &random) {
                tasks[index].deadline = Nanoseconds(Int64.random(in: 20...200, using: &random) * unit)
            }
        }
        return try SchedulerConfiguration(
            partition: partition, tasks: tasks, options: options, batchGroups: groups.map(\.group))
    }

    private static func withInstances(
        _ drawn: SchedulerConfiguration, using random: inout SplitMix64
    ) throws -> SchedulerConfiguration {
        var tasks = drawn.tasks
        for index in tasks.indices { tasks[index].instances = [1, 2, 2, 3, 5].randomElement(using: &random)! }
        return try SchedulerConfiguration(
            partition: drawn.partition, tasks: tasks, options: drawn.options, batchGroups: drawn.batchGroups)
    }

    // MARK: - Events

    /// Another event after the last, now and then at the same time: simultaneous releases.
    mutating func isSimultaneous() -> Bool { Int.random(in: 0..<4, using: &random) == 0 }

    mutating func advance() {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: break
        case 6: now = max(0, now - unit)
        case 7: now += Int64.random(in: 10...80, using: &random) * unit
        default: now += Int64.random(in: 1...6, using: &random) * unit
        }
    }

    mutating func randomEvent() -> Event {
        let busy = laneJobs.indices.filter { laneJobs[$0] != nil }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<34: return release()
        case 34..<70:
            guard let lane = busy.randomElement(using: &random) else { return release() }
            return completion(lane)
        case 70..<72: return .taskRemoved(anyTask())
        case 72..<75: return .taskAdded(anyTask())
        case 75..<78:
            guard let lane = busy.randomElement(using: &random) else { return release() }
            return .stageFailed(lane: lane, job: laneJobs[lane]!.job)
        case 78..<85: return .jobCancelled(anyJob())
        case 85..<88: return .contextLost(anyContext())
        case 88..<91: return .contextRestored(anyContext())
        case 91..<96:
            // On time, or at any other time.
            if let outstandingWake, Bool.random(using: &random) { now = max(now, outstandingWake) }
            return .timerFired
        default: return stale()
        }
    }

    mutating func release() -> Event {
        let task = configuration.tasks.indices.randomElement(using: &random)!
        let deadline: Nanoseconds? =
            switch Int.random(in: 0..<40, using: &random) {
            case 0: Nanoseconds(.min)
            case 1: Nanoseconds(.max)
            case 2: .zero
            case 3..<10: Nanoseconds(Int64.random(in: 1...40, using: &random) * unit)
            default: nil
            }
        return .jobReleased(task: task, relativeDeadline: deadline)
    }

    mutating func completion(_ lane: Int) -> Event {
        let (job, stage) = laneJobs[lane]!
        let afet = configuration.afet(of: job.task, stage: stage, jobs: companions[lane].count + 1)?.rawValue ?? unit
        let time: Int64 =
            switch Int.random(in: 0..<50, using: &random) {
            case 0: .max
            case 1: -1
            case 2..<15: afet
            default: Int64.random(in: 0...12, using: &random) * max(afet, unit) / 6
            }
        return .stageCompleted(lane: lane, job: job, executionTime: Nanoseconds(time))
    }

    private mutating func anyJob() -> JobID {
        if Int.random(in: 0..<10, using: &random) == 0 {
            return JobID(task: Int.random(in: -2...14, using: &random), sequence: 0)
        }
        let task = configuration.tasks.indices.randomElement(using: &random)!
        return JobID(task: task, sequence: max(-1, released[task] - Int.random(in: 0...4, using: &random)))
    }

    private mutating func anyContext() -> Int {
        // Now and then one that does not exist.
        Int.random(in: 0..<20, using: &random) == 0
            ? [-1, 4].randomElement(using: &random)!
            : Int.random(in: 0..<configuration.partition.contexts, using: &random)
    }

    private mutating func anyTask() -> Int {
        // Now and then one that does not exist.
        Int.random(in: 0..<20, using: &random) == 0
            ? [-1, configuration.tasks.count].randomElement(using: &random)!
            : Int.random(in: 0..<configuration.tasks.count, using: &random)
    }

    /// An end of a stage that does not run.
    private mutating func stale() -> Event {
        var job = anyJob()
        var lane = Int.random(in: -1...laneJobs.count, using: &random)
        if laneJobs.indices.contains(lane), let running = laneJobs[lane]?.job {
            if Bool.random(using: &random) { job = JobID(task: running.task, sequence: running.sequence - 1) }
            if job == running { lane = laneJobs.count }
        }
        return Bool.random(using: &random)
            ? .stageCompleted(lane: lane, job: job, executionTime: Nanoseconds(unit))
            : .stageFailed(lane: lane, job: job)
    }

    /// The end of a stage that runs, a moment later; `nil` if none does.
    mutating func nextEnd() -> Event? {
        guard let lane = laneJobs.firstIndex(where: { $0 != nil }) else { return nil }
        now += unit
        return completion(lane)
    }

    // MARK: - What it is told

    /// Takes note of an event before the scheduler sees it.
    mutating func note(_ event: Event) {
        switch event {
        case .jobReleased(let task, _): released[task] += 1
        case .stageCompleted(let lane, let job, _), .stageFailed(let lane, let job):
            if laneJobs.indices.contains(lane), laneJobs[lane]?.job == job {
                laneJobs[lane] = nil
                companions[lane] = []
            }
        case .contextLost(let context):
            for lane in laneJobs.indices where configuration.partition.context(of: lane) == context {
                laneJobs[lane] = nil
                companions[lane] = []
            }
        case .timerFired: outstandingWake = nil
        default: break
        }
    }

    /// Takes note of a command.
    mutating func note(_ command: Command) {
        switch command {
        case .dispatch(let dispatch):
            laneJobs[dispatch.lane] = (dispatch.jobs[0], dispatch.stage)
            companions[dispatch.lane] = Array(dispatch.jobs.dropFirst())
        case .wake(let time): outstandingWake = time.rawValue
        default: break
        }
    }
}
