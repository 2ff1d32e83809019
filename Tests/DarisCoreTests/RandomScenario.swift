@testable import DarisCore
import Foundation

/// A random walk that drives the scheduler and the reference side by side and keeps its own account of jobs and wakes
/// from the commands alone.
struct RandomScenario: ~Copyable {
    let seed: UInt64
    private var walk: RandomWalk
    private var scheduler: Scheduler
    private var reference: ReferenceScheduler
    private var commands = CommandBuffer()
    private var nextStage: [JobID: Int] = [:]
    private var ended: Set<JobID> = []
    private var dropDeadlines: Set<Int64> = []
    private(set) var trace: [(Nanoseconds, Event, [Command])] = []

    init(seed: UInt64) throws {
        self.seed = seed
        walk = try RandomWalk(seed: seed)
        reference = ReferenceScheduler(walk.configuration)
        scheduler = Scheduler(walk.configuration)
    }

    struct Difference: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }

    // MARK: - The walk

    mutating func run(events: Int) throws {
        let homes = scheduler.configuration.homes
        try require(homes == reference.homes, "placed on \(homes), not \(reference.homes)")
        for _ in 0..<events {
            walk.advance()
            try apply(walk.randomEvent())
            while walk.isSimultaneous() { try apply(walk.release()) }
        }
        try drain()
    }

    /// Lets everything run to its end: no job may be left over.
    private mutating func drain() throws {
        for context in 0..<scheduler.configuration.partition.contexts { try apply(.contextRestored(context)) }
        while let end = walk.nextEnd() { try apply(end) }
        try require(scheduler.counts.inFlight == 0, "\(scheduler.counts.inFlight) jobs are left over")
        try require(
            ended.count == scheduler.counts.released, "\(ended.count) of \(scheduler.counts.released) jobs ended")
    }

    /// Set `DARIS_FUZZ_VERBOSE` to see the events before an assertion of the scheduler itself stops the run.
    static let isVerbose = ProcessInfo.processInfo.environment["DARIS_FUZZ_VERBOSE"] != nil

    // MARK: - One event

    private mutating func apply(_ event: Event) throws {
        let now = walk.now
        if case .stageFailed(let lane, let job) = event, walk.laneJobs.indices.contains(lane),
            let running = walk.laneJobs[lane], running.job == job, !walk.companions[lane].isEmpty
        {
            // Each is tried again.
            for job in [job] + walk.companions[lane] { nextStage[job] = running.stage }
        }
        walk.note(event)
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

    /// Invariants 1 and 2, from the commands alone: a lane runs one stage, stages run in order, a job ends once.
    private mutating func account(_ decided: [Command]) throws {
        for command in decided {
            switch command {
            case .dispatch(let dispatch):
                let (lane, stage) = (dispatch.lane, dispatch.stage)
                try require(walk.laneJobs[lane] == nil, "lane \(lane) is busy")
                for job in dispatch.jobs {
                    try require(nextStage[job, default: 0] == stage, "\(job) runs stage \(stage) out of turn")
                    try require(!ended.contains(job), "\(job) runs though it has ended")
                    nextStage[job] = stage + 1
                }
                walk.note(command)
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
            try require(time.rawValue != walk.outstandingWake, "a wake is asked for twice")
            try require(dropDeadlines.contains(time.rawValue), "nobody needs a wake at \(time)")
            walk.note(command)
        }
        let droppable = (reference.inFlight.filter { $0.lane == nil } + reference.waiting)
            .filter { reference.drops($0.id.task) }
        for job in droppable {
            try require(event != .timerFired || job.deadline > reference.now, "\(job.id) outlived its timer")
            try require(walk.outstandingWake ?? .max <= job.deadline, "no wake for \(job.id) by \(job.deadline)")
        }
    }
}
