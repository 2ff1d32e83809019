import Testing

@testable import DarisCore

@Suite("The phases of a job")
struct JobTests {
    private static let release = Release(sequence: 3, time: .zero, relativeDeadline: .milliseconds(5))
    private static let moves: [(name: String, move: Job.Move)] = [
        ("admitted", .admitted(release, context: 1)), ("readied", .readied), ("started", .started(lane: 2)),
        ("stageEnded", .stageEnded(isLate: true)), ("stageFailed", .stageFailed), ("ended", .ended),
    ]

    /// A job in a phase.
    private static func job(_ phase: Job.Phase) -> Job {
        var job = Job(task: 0)
        let way: [Job.Phase: Int] = [.over: 0, .between: 1, .ready: 2, .running: 3]
        for (_, move) in moves.prefix(way[phase]!) { job.move(move) }
        return job
    }

    @Test("a job goes through its stages, and keeps what it was released with")
    func life() {
        var job = Self.job(.running)
        #expect(job.id == JobID(task: 0, sequence: 3) && job.context == 1 && job.lane == 2 && job.stage == 0)
        job.move(.stageFailed)
        #expect(job.stage == 0 && job.runsAlone && job.isInFlight)
        job.move(.readied)
        job.move(.started(lane: 0))
        job.move(.stageEnded(isLate: true))
        #expect(job.stage == 1 && !job.runsAlone && job.predecessorWasLate)
        job.cancel()
        job.move(.ended)
        #expect(!job.isInFlight && job.deadline == .milliseconds(5))
        job.move(.admitted(Release(sequence: 4, time: .zero, relativeDeadline: .zero), context: 0))
        #expect(!job.isCancelled && !job.predecessorWasLate && job.stage == 0 && job.sequence == 4)
    }

    @Test(
        "a move that its phase does not allow stops the program",
        arguments: [(Job.Phase.over, 1), (.between, 2), (.ready, 3), (.running, 0)])
    func illegal(phase: Job.Phase, move: Int) async {
        await #expect(processExitsWith: .failure) { [number = phase.rawValue as UInt8, move = move as Int] in
            var job = JobTests.job(Job.Phase(rawValue: number)!)
            job.move(JobTests.moves[move].move)
        }
    }
}
