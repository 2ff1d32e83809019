@testable import DarisCore
import DarisSimulator
import Foundation

/// A random task set and a random walk of events over it, from one seed. It drives the scheduler and the reference side
/// by side and keeps its own account of lanes, jobs and wakes from the commands alone.
struct RandomScenario: ~Copyable {
    let seed: UInt64
    private var random: SplitMix64
    private var scheduler: Scheduler
    private var reference: ReferenceScheduler
    private var commands = CommandBuffer()
    private let unit: Int64
    private var now: Int64 = 0
    private var laneJobs: [(job: JobID, stage: Int)?]
    private var nextStage: [JobID: Int] = [:]
    private var ended: Set<JobID> = []
    private var dropDeadlines: Set<Int64> = []
    private var outstandingWake: Int64?
    private(set) var trace: [(Nanoseconds, Event, [Command])] = []

    init(seed: UInt64) throws {
        self.seed = seed
        var random = SplitMix64(seed: seed)
        let unit = [Int64(1), 1000, 1_000_003].randomElement(using: &random)!
        let configuration = try Self.configuration(unit: unit, using: &random)
        reference = ReferenceScheduler(configuration)
        scheduler = Scheduler(configuration)
        laneJobs = Array(repeating: nil, count: configuration.partition.lanes)
        self.random = random
        self.unit = unit
    }

    struct Difference: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }

    static func configuration(unit: Int64, using random: inout SplitMix64) throws -> SchedulerConfiguration {
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
        return try SchedulerConfiguration(partition: partition, tasks: tasks, options: options)
    }

    // MARK: - The walk

    mutating func run(events: Int) throws {
        let homes = scheduler.configuration.homes
        try require(homes == reference.homes, "placed on \(homes), not \(reference.homes)")
        for _ in 0..<events {
            advance()
            try apply(randomEvent())
            // Simultaneous releases.
            while Int.random(in: 0..<4, using: &random) == 0 { try apply(release()) }
        }
        try drain()
    }

    private mutating func advance() {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: break
        case 6: now = max(0, now - unit)
        case 7: now += Int64.random(in: 10...80, using: &random) * unit
        default: now += Int64.random(in: 1...6, using: &random) * unit
        }
    }

    private mutating func randomEvent() -> Event {
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

    private mutating func release() -> Event {
        let task = scheduler.configuration.tasks.indices.randomElement(using: &random)!
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

    private mutating func completion(_ lane: Int) -> Event {
        let (job, stage) = laneJobs[lane]!
        let afet = scheduler.configuration.tasks[job.task].afet[stage].rawValue
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
        let task = scheduler.configuration.tasks.indices.randomElement(using: &random)!
        return JobID(task: task, sequence: max(-1, reference.released[task] - Int.random(in: 0...4, using: &random)))
    }

    private mutating func anyContext() -> Int {
        // Now and then one that does not exist.
        Int.random(in: 0..<20, using: &random) == 0
            ? [-1, 4].randomElement(using: &random)!
            : Int.random(in: 0..<scheduler.configuration.partition.contexts, using: &random)
    }

    private mutating func anyTask() -> Int {
        // Now and then one that does not exist.
        Int.random(in: 0..<20, using: &random) == 0
            ? [-1, scheduler.taskCount].randomElement(using: &random)!
            : Int.random(in: 0..<scheduler.taskCount, using: &random)
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

    /// Lets everything run to its end: no job may be left over.
    private mutating func drain() throws {
        for context in 0..<scheduler.configuration.partition.contexts { try apply(.contextRestored(context)) }
        while let lane = laneJobs.firstIndex(where: { $0 != nil }) {
            now += unit
            try apply(completion(lane))
        }
        try require(scheduler.counts.inFlight == 0, "\(scheduler.counts.inFlight) jobs are left over")
        try require(
            ended.count == scheduler.counts.released, "\(ended.count) of \(scheduler.counts.released) jobs ended")
    }

    /// Set `DARIS_FUZZ_VERBOSE` to see the events before an assertion of the scheduler itself stops the run.
    static let isVerbose = ProcessInfo.processInfo.environment["DARIS_FUZZ_VERBOSE"] != nil

    // MARK: - One event

    private mutating func apply(_ event: Event) throws {
        noteEvent(event)
        if Self.isVerbose { FileHandle.standardError.write(Data("\(seed) \(now) \(event)\n".utf8)) }
        scheduler.handle(event, at: Nanoseconds(now), into: &commands)
        let decided = Array(commands)
        trace.append((Nanoseconds(now), event, decided))
        let expected = reference.handle(event, at: Nanoseconds(now))
        let withoutWakes = decided.filter { if case .wake = $0 { false } else { true } }
        try require(withoutWakes == expected, "\(withoutWakes)\nbut the design says\n\(expected)")
        #if !DEBUG
            // A debug build asserts it inside `handle`.
            let violation = scheduler.invariantViolation()
            try require(violation == nil, violation ?? "")
        #endif
        try account(decided)
        try checkWakes(event, decided)
    }

    private func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if condition { return }
        let last = trace.suffix(12).map { "\($0.0.rawValue): \($0.1)\n    \($0.2)" }.joined(separator: "\n")
        throw Difference(
            text: "seed \(seed), event \(trace.count): \(text())\nafter\n\(last)\nof \(scheduler.configuration)")
    }

    private mutating func noteEvent(_ event: Event) {
        switch event {
        case .stageCompleted(let lane, let job, _), .stageFailed(let lane, let job):
            if laneJobs.indices.contains(lane), laneJobs[lane]?.job == job { laneJobs[lane] = nil }
        case .contextLost(let context):
            let streams = scheduler.configuration.partition.streams
            for lane in laneJobs.indices where lane / streams == context { laneJobs[lane] = nil }
        case .timerFired: outstandingWake = nil
        default: break
        }
    }

    /// Invariants 1 and 2, from the commands alone: a lane runs one stage, stages run in order, a job ends once.
    private mutating func account(_ decided: [Command]) throws {
        for command in decided {
            switch command {
            case .dispatch(let job, let stage, let lane):
                try require(laneJobs[lane] == nil, "lane \(lane) is busy")
                try require(nextStage[job, default: 0] == stage, "\(job) runs stage \(stage) out of turn")
                try require(!ended.contains(job), "\(job) runs though it has ended")
                laneJobs[lane] = (job, stage)
                nextStage[job] = stage + 1
            case .finished(let outcome):
                try require(ended.insert(outcome.job).inserted, "\(outcome.job) ended twice")
            case .admitted, .queued, .wake: break
            }
        }
    }

    /// A wake is asked for once, for the deadline of a job that can be dropped, and never later than the first of them.
    private mutating func checkWakes(_ event: Event, _ decided: [Command]) throws {
        for job in reference.inFlight + reference.waiting where reference.drops(job.id.task) {
            dropDeadlines.insert(job.deadline)
        }
        for command in decided {
            guard case .wake(let time) = command else { continue }
            try require(time.rawValue != outstandingWake, "a wake is asked for twice")
            try require(dropDeadlines.contains(time.rawValue), "nobody needs a wake at \(time)")
            outstandingWake = time.rawValue
        }
        let droppable = (reference.inFlight.filter { $0.lane == nil } + reference.waiting)
            .filter { reference.drops($0.id.task) }
        for job in droppable {
            try require(event != .timerFired || job.deadline > reference.now, "\(job.id) outlived its timer")
            try require(outstandingWake ?? .max <= job.deadline, "no wake for \(job.id) by \(job.deadline)")
        }
    }
}
