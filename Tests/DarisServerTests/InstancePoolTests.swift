import DarisCore
import DarisRuntime
import Foundation
import Synchronization
import Testing

@testable import DarisServer

/// A sink whose clock and jobs a test moves by hand.
final class ManualSink: JobSink {
    struct Job {
        var id: JobID
        var relativeDeadline: Nanoseconds?
        var trace: TraceContext?
        var completion: @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    }

    struct State {
        var now = Nanoseconds.zero
        var jobs: [Job] = []
        var cancelled: [JobID] = []
        var submitted = 0
        var refusal: SubmissionError?
        var canRun = true
        /// The most jobs that the scheduler admits, and tasks whose jobs it does not.
        var room = Int.max
        var unfit: Set<Int> = []
        /// Called before a submission returns.
        var whenSubmitted: (@Sendable (JobID) -> Void)?
    }

    let state = Mutex(State())

    var now: Nanoseconds { state.withLock { $0.now } }
    var canRun: Bool { state.withLock { $0.canRun } }

    func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds?, trace: TraceContext?,
        completion: @escaping @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    ) throws(SubmissionError) -> JobID {
        let result: Result<JobID, SubmissionError> = state.withLock { state in
            if let refusal = state.refusal { return .failure(refusal) }
            let id = JobID(task: task, sequence: state.submitted)
            state.submitted += 1
            state.jobs.append(Job(id: id, relativeDeadline: relativeDeadline, trace: trace, completion: completion))
            return .success(id)
        }
        let job = try result.get()
        state.withLock { $0.whenSubmitted }?(job)
        return job
    }

    func lastAdmissible(of tasks: [Int]) -> Int? {
        state.withLock { state in
            state.jobs.count < state.room ? tasks.lastIndex { !state.unfit.contains($0) } : nil
        }
    }

    func cancel(_ job: JobID) { state.withLock { $0.cancelled.append(job) } }

    func advance(milliseconds: Int64) { state.withLock { $0.now += .milliseconds(milliseconds) } }

    /// Ends the job handed in first of those that run.
    func finishFirst(_ result: Result<[[UInt8]], SubmissionError> = .success([[1]])) { finish(at: 0, result) }

    func finish(at place: Int, _ result: Result<[[UInt8]], SubmissionError>) {
        state.withLock { $0.jobs.remove(at: place) }.completion(result)
    }

    var running: Int { state.withLock { $0.jobs.count } }
}

/// What entries came to, in order.
final class Answers: Sendable {
    private let list = Mutex<[(name: String, result: Result<[[UInt8]], InferenceError>)]>([])

    func append(_ name: String, _ result: Result<[[UInt8]], InferenceError>) {
        list.withLock { $0.append((name, result)) }
    }

    var names: [String] { list.withLock { $0.map(\.name) } }

    func error(_ name: String) -> InferenceError? {
        list.withLock { list in
            guard case .failure(let error)? = list.first(where: { $0.name == name })?.result else { return nil }
            return error
        }
    }
}

@Suite("The tasks behind a model")
struct InstancePoolTests {
    let sink = ManualSink()
    let answers = Answers()

    private func pool(tasks: [Int] = [0], priority: Priority = .low, limit: Int = 4) -> InstancePool {
        InstancePool(
            name: "net", tasks: tasks, priority: priority, deadline: .milliseconds(100), limit: limit, sink: sink)
    }

    @discardableResult
    private func enter(_ name: String, _ pool: InstancePool, deadline milliseconds: Int64 = 100) -> InstancePool.Entry {
        let (answers, now) = (answers, sink.now)
        let entry = InstancePool.Entry(
            inputs: [], arrival: now, deadline: now + .milliseconds(milliseconds)
        ) { result, _ in answers.append(name, result) }
        pool.enter(entry)
        return entry
    }

    @Test("a request takes a free task, the next ones wait their turn with what is left of their time")
    func turns() {
        let pool = pool(tasks: [0, 1])
        for name in ["a", "b", "c", "d"] { enter(name, pool) }
        #expect(sink.running == 2 && pool.load == (2, 2))
        sink.advance(milliseconds: 10)
        sink.finishFirst()
        #expect(answers.names == ["a"] && sink.running == 2)
        #expect(sink.state.withLock { $0.jobs.last?.relativeDeadline } == .milliseconds(90))
        for _ in 0..<3 { sink.finishFirst() }
        #expect(answers.names == ["a", "b", "c", "d"] && pool.load == (0, 0))
    }

    @Test("an LP request that would be late by the pace of late is turned away at once")
    func pace() {
        let pool = pool()
        enter("a", pool)
        sink.advance(milliseconds: 40)
        sink.finishFirst()
        // A job takes 40 ms: the one that runs, one that waits, but not two within 100 ms.
        enter("b", pool)
        enter("c", pool)
        enter("d", pool)
        #expect(answers.names == ["a", "d"])
        #expect(answers.error("d")?.kind == .refused && answers.error("d")?.retryAfter == .milliseconds(80))
    }

    @Test("a job that was given up at its deadline says how slow it is, too")
    func givenUp() {
        let pool = pool()
        enter("a", pool)
        sink.advance(milliseconds: 100)
        sink.finishFirst(.failure(.notCompleted(.dropped, .deadlinePassed, message: nil)))
        enter("b", pool)
        enter("c", pool)
        #expect(answers.names == ["a", "c"] && answers.error("c")?.kind == .refused)
    }

    @Test("late ones make the pool more cautious, once for all that were taken on before")
    func caution() {
        let pool = pool()
        enter("a", pool)
        enter("b", pool)
        sink.advance(milliseconds: 100)
        sink.finishFirst(.failure(.notCompleted(.dropped, .deadlinePassed, message: nil)))
        #expect(answers.error("b")?.kind == .tooLate)
        // Jobs of 30 ms from now on, but the window still has one of 100 ms; five others push it out.
        for index in 0..<5 {
            enter("\(index)", pool)
            sink.advance(milliseconds: 30)
            sink.finishFirst()
        }
        // One that waits would be done after 60 ms, by caution 1.25 after 75 ms; two after 90, by caution after 112 ms.
        for name in ["c", "d", "e"] { enter(name, pool) }
        #expect(pool.load == (1, 1) && answers.error("e")?.kind == .refused)
    }

    @Test("an HP request waits as long as its deadline allows")
    func highPriority() {
        let pool = pool(priority: .high)
        enter("a", pool)
        sink.advance(milliseconds: 60)
        sink.finishFirst()
        for name in ["b", "c", "d"] { enter(name, pool) }
        #expect(answers.names == ["a"])
        sink.advance(milliseconds: 60)
        sink.finishFirst()
        sink.advance(milliseconds: 60)
        sink.finishFirst()
        #expect(answers.names.sorted() == ["a", "b", "c", "d"])
        #expect(answers.error("d")?.kind == .tooLate, "its time was over when the task came free")
    }

    @Test("no more wait than the limit allows")
    func limit() {
        let pool = pool(priority: .high, limit: 1)
        for name in ["a", "b", "c"] { enter(name, pool) }
        #expect(answers.error("c")?.message == "model 'net': 1 requests wait for it already")
    }

    @Test("a request is given up where it is: waiting, running, or done")
    func cancellation() {
        let pool = pool()
        let a = enter("a", pool)
        let b = enter("b", pool)
        pool.cancel(b)
        #expect(answers.error("b")?.kind == .cancelled && pool.load == (0, 1))
        pool.cancel(a)
        #expect(sink.state.withLock { $0.cancelled } == [JobID(task: 0, sequence: 0)])
        sink.finishFirst(.failure(.notCompleted(.dropped, .cancelled, message: nil)))
        #expect(answers.error("a")?.kind == .cancelled)
        pool.cancel(a)
        #expect(answers.names == ["b", "a"])
    }

    @Test("a task whose job the scheduler does not take is free for the next")
    func refusal() {
        let pool = pool()
        sink.state.withLock { $0.refusal = .stopped }
        enter("a", pool)
        #expect(answers.error("a")?.kind == .refused)
        sink.state.withLock { $0.refusal = nil }
        enter("b", pool)
        #expect(sink.running == 1)
    }

    @Test("whoever would not be admitted beside those that run waits for them, and is not turned away afterwards")
    func admission() {
        let pool = pool(tasks: [0, 1, 2])
        enter("first", pool)
        sink.advance(milliseconds: 20)
        sink.finishFirst()
        sink.state.withLock { $0.room = 1 }
        enter("a", pool)
        // Two more are done after 40 and 60 ms by the one that runs at a time, a fourth after 80, a fifth after 100.
        for name in ["b", "c", "d", "e", "f"] { enter(name, pool) }
        #expect(pool.load == (4, 1) && answers.names == ["first", "f"])
        sink.state.withLock { $0.room = 2 }
        sink.finishFirst()
        #expect(pool.load == (2, 2), "as many as fit, once one has ended")
        sink.state.withLock { $0.room = 0 }
        for _ in 0..<2 { sink.finishFirst() }
        // None runs: the next is the scheduler's to judge.
        #expect(sink.running == 1 && pool.load == (1, 1))
        sink.finishFirst(.failure(.notCompleted(.rejected, .noContextFits, message: nil)))
        sink.finishFirst()
        #expect(answers.error("d")?.kind == .refused && pool.load == (0, 0))
        #expect(answers.names == ["first", "f", "a", "b", "c", "d", "e"])
    }

    @Test("one that is not admitted after all, because others were quicker, waits on in front")
    func takenBack() {
        let pool = pool(tasks: [0, 1], priority: .high)
        enter("a", pool)
        let b = enter("b", pool)
        enter("c", pool)
        #expect(sink.running == 2)
        let rejected = Result<[[UInt8]], SubmissionError>.failure(
            .notCompleted(.rejected, .noContextFits, message: nil))
        sink.finish(at: 1, rejected)
        #expect(answers.names.isEmpty && pool.load == (2, 1))
        sink.state.withLock { $0.room = 1 }
        sink.finishFirst()
        #expect(pool.load == (1, 1), "b runs, c waits")
        sink.state.withLock { $0.room = 2 }
        enter("d", pool)
        #expect(pool.load == (1, 2), "c runs too")
        sink.finish(at: 0, rejected)
        pool.cancel(b)
        #expect(answers.error("b")?.kind == .cancelled && pool.load == (1, 1))
        for _ in 0..<2 { sink.finishFirst() }
        #expect(answers.names == ["a", "b", "c", "d"] && pool.load == (0, 0))
    }

    @Test("a request that is handed in again before its first submission returned is cancelled all the same")
    func handedInTwice() {
        let pool = pool(tasks: [0, 1], priority: .high)
        enter("a", pool)
        let (isSecond, firstIsOver, secondIsOver) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        let (sink, answers) = (sink, answers)
        sink.state.withLock { state in
            state.whenSubmitted = { job in
                switch job.sequence {
                case 1:
                    // It is turned away and waits again, and another thread hands it in, all before this one goes on.
                    sink.finish(at: 1, .failure(.notCompleted(.rejected, .noContextFits, message: nil)))
                    Thread.detachNewThread {
                        _ = pool.refusal(left: .seconds(Int64(1)))
                        secondIsOver.signal()
                    }
                    isSecond.wait()
                default:
                    isSecond.signal()
                    firstIsOver.wait()
                }
            }
        }
        let b = enter("b", pool)
        firstIsOver.signal()
        secondIsOver.wait()
        pool.cancel(b)
        #expect(sink.state.withLock { $0.cancelled.map(\.sequence) } == [2])
        #expect(answers.names.isEmpty)
    }

    @Test("a task that does not fit hides none that does")
    func unfit() {
        let pool = pool(tasks: [0, 1, 2])
        sink.state.withLock { $0.unfit = [1] }
        for name in ["a", "b", "c"] { enter(name, pool) }
        #expect(sink.running == 2 && pool.load == (1, 2))
        #expect(Set(sink.state.withLock { $0.jobs.map(\.id.task) }) == [0, 2])
    }

    @Test("many that have run out of time are told without a stack that grows with them")
    func manyLate() {
        let pool = pool(priority: .high, limit: 50_000)
        enter("first", pool)
        for _ in 0..<50_000 { enter("late", pool, deadline: 1) }
        sink.advance(milliseconds: 2)
        sink.finishFirst()
        #expect(answers.names.count == 50_001 && answers.error("late")?.kind == .tooLate)
    }

    @Test("every request is answered once, whatever order things happen in", arguments: 0..<200 as Range<UInt64>)
    func property(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let pool = pool(tasks: Array(0..<(1 + Int(generator.next() % 3))), priority: seed % 2 == 0 ? .high : .low)
        var entries: [InstancePool.Entry] = []
        for step in 0..<200 {
            switch generator.next() % 4 {
            case 0, 1: entries.append(enter("\(step)", pool, deadline: Int64(generator.next() % 80)))
            case 2 where sink.running > 0:
                sink.state.withLock { $0.room = Int(generator.next() % 4) }
                let isAdmitted = generator.next() % 4 > 0
                sink.finishFirst(
                    isAdmitted ? .success([[1]]) : .failure(.notCompleted(.rejected, .noContextFits, message: nil)))
            default:
                if let entry = entries.randomElement(using: &generator) { pool.cancel(entry) }
                sink.advance(milliseconds: Int64(generator.next() % 20))
            }
        }
        while sink.running > 0 { sink.finishFirst() }
        #expect(answers.names.count == entries.count && Set(answers.names).count == entries.count)
        #expect(pool.load == (0, 0))
    }
}
