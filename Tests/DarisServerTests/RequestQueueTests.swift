import DarisCore
import DarisRuntime
import Foundation
import Synchronization
import Testing

@testable import DarisServer

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

@Suite("The requests for a task")
struct RequestQueueTests {
    let sink = ManualSink()
    let answers = Answers()

    private func queue(instances: Int = 1, priority: Priority = .low, limit: Int = 4) -> RequestQueue {
        RequestQueue(
            name: "net", task: 7, instances: instances, priority: priority, deadline: .milliseconds(100), limit: limit,
            sink: sink)
    }

    private func entry(
        _ name: String, deadline milliseconds: Int64 = 100, account: RequestAccount? = nil
    ) -> RequestQueue.Entry {
        let (answers, now) = (answers, sink.now)
        return RequestQueue.Entry(
            inputs: [], arrival: now, deadline: now + .milliseconds(milliseconds), account: account
        ) { result, _ in answers.append(name, result) }
    }

    @discardableResult
    private func enter(
        _ name: String, _ queue: RequestQueue, deadline milliseconds: Int64 = 100
    ) -> RequestQueue.Entry {
        let entry = entry(name, deadline: milliseconds)
        queue.enter(entry)
        return entry
    }

    @Test("a request takes a free instance, the next ones wait their turn with what is left of their time")
    func turns() {
        let queue = queue(instances: 2)
        for name in ["a", "b", "c", "d"] { enter(name, queue) }
        #expect(sink.running == 2 && queue.load == (2, 2))
        #expect(sink.state.withLock { $0.jobs.map(\.id.task) } == [7, 7])
        sink.advance(milliseconds: 10)
        sink.finishFirst()
        #expect(answers.names == ["a"] && sink.running == 2)
        #expect(sink.state.withLock { $0.jobs.last?.relativeDeadline } == .milliseconds(90))
        for _ in 0..<3 { sink.finishFirst() }
        #expect(answers.names == ["a", "b", "c", "d"] && queue.load == (0, 0))
    }

    @Test("an LP request that would be late by the longest of the last jobs' times is refused at once")
    func pace() {
        let queue = queue()
        enter("a", queue)
        sink.advance(milliseconds: 40)
        sink.finishFirst()
        // A job takes 40 ms: the one that runs, one that waits, but not two within 100 ms.
        enter("b", queue)
        enter("c", queue)
        enter("d", queue)
        #expect(answers.names == ["a", "d"])
        #expect(answers.error("d")?.refusal == .wouldBeLate(model: "net", waiting: 1))
        #expect(answers.error("d")?.retryAfter == .milliseconds(80))
        #expect(queue.refusal(left: .milliseconds(119)) != nil && queue.refusal(left: .milliseconds(120)) == nil)
    }

    @Test("what a request waits for is shared by the instances")
    func sharedPace() {
        let queue = queue(instances: 2)
        enter("a", queue)
        sink.advance(milliseconds: 40)
        sink.finishFirst()
        for name in ["b", "c", "d", "e", "f", "g"] { enter(name, queue) }
        // Two at a time: those that wait begin after 20, 40 and 60 ms, and one more would after 80.
        #expect(queue.load == (3, 2) && answers.names == ["a", "g"])
    }

    @Test("a job that was dropped at its deadline says how slow it is, too")
    func dropped() {
        let queue = queue()
        enter("a", queue)
        sink.advance(milliseconds: 100)
        sink.finishFirst(.dropped)
        enter("b", queue)
        enter("c", queue)
        #expect(answers.names == ["a", "c"] && answers.error("c")?.refusal != nil)
    }

    @Test("late ones raise the safety factor, once for all that were let in before")
    func safetyFactor() {
        let queue = queue()
        enter("a", queue)
        enter("b", queue)
        sink.advance(milliseconds: 100)
        sink.finishFirst(.dropped)
        #expect(answers.error("b")?.kind == .tooLate)
        // Jobs of 30 ms from now on, but the window still has one of 100 ms; five others push it out.
        for index in 0..<5 {
            enter("\(index)", queue)
            sink.advance(milliseconds: 30)
            sink.finishFirst()
        }
        // One that waits would be done after 60 ms, times 1.25 after 75 ms; two after 90, times 1.25 after 112 ms.
        for name in ["c", "d", "e"] { enter(name, queue) }
        #expect(queue.load == (1, 1) && answers.error("e")?.refusal != nil)
    }

    @Test("an HP request waits as long as its deadline allows")
    func highPriority() {
        let queue = queue(priority: .high)
        enter("a", queue)
        sink.advance(milliseconds: 60)
        sink.finishFirst()
        for name in ["b", "c", "d"] { enter(name, queue) }
        #expect(answers.names == ["a"])
        sink.advance(milliseconds: 60)
        sink.finishFirst()
        sink.advance(milliseconds: 60)
        #expect(answers.error("d")?.kind == .tooLate, "its time was over before an instance was free")
        sink.finishFirst()
        #expect(answers.names == ["a", "b", "d", "c"])
    }

    @Test("a request that waits is answered at its deadline, though no job ever ends")
    func expiry() {
        let queue = queue(priority: .high)
        enter("stuck", queue)
        enter("b", queue, deadline: 50)
        enter("c", queue, deadline: 20)
        enter("d", queue, deadline: 30)
        sink.advance(milliseconds: 19)
        #expect(answers.names.isEmpty)
        sink.advance(milliseconds: 1)
        #expect(answers.names == ["c"] && queue.load == (2, 1))
        sink.advance(milliseconds: 40)
        #expect(answers.names == ["c", "b", "d"] && queue.load == (0, 1))
        #expect(answers.error("b")?.message == "model 'net': its deadline passed while it waited")
        #expect(sink.state.withLock { $0.timers.count } == 1)
        // The next one has the same timer.
        enter("e", queue, deadline: 10)
        sink.advance(milliseconds: 10)
        #expect(answers.names == ["c", "b", "d", "e"] && sink.state.withLock { $0.submitted } == 1)
    }

    @Test("a request whose time is over when an instance is free is not handed in, though its timer is late")
    func lateTimer() {
        let queue = queue(priority: .high)
        enter("a", queue)
        enter("b", queue, deadline: 5)
        sink.state.withLock { $0.now += .milliseconds(5) }
        sink.finishFirst()
        #expect(answers.names == ["b", "a"] && answers.error("b")?.kind == .tooLate && queue.load == (0, 0))
        sink.advance(milliseconds: 1)
        #expect(answers.names.count == 2)
    }

    @Test("a queue that is gone leaves nothing that its timer could wake")
    func gone() {
        weak var weakly: RequestQueue?
        do {
            let queue = queue(priority: .high)
            enter("a", queue)
            enter("b", queue)
            weakly = queue
            sink.finishFirst()
            sink.finishFirst()
        }
        #expect(weakly == nil)
        sink.advance(milliseconds: 1_000)
    }

    @Test("no more wait than the limit allows")
    func limit() {
        let queue = queue(priority: .high, limit: 1)
        for name in ["a", "b", "c"] { enter(name, queue) }
        #expect(answers.error("c")?.refusal == .queueFull(model: "net", limit: 1))
        #expect(answers.error("c")?.message == "model 'net': 1 requests wait for it already")
    }

    @Test("a request is given up where it is: before it comes, waiting, running, or done")
    func cancellation() {
        let queue = queue()
        let early = entry("early")
        queue.cancel(early)
        queue.enter(early)
        #expect(answers.error("early")?.kind == .cancelled && queue.load == (0, 0))
        let a = enter("a", queue)
        let b = enter("b", queue)
        queue.cancel(b)
        #expect(answers.error("b")?.kind == .cancelled && queue.load == (0, 1))
        for _ in 0..<2 { queue.cancel(a) }
        #expect(sink.state.withLock { $0.cancelled } == [JobID(task: 7, sequence: 0)])
        sink.finishFirst(.failure(.notCompleted(.dropped, .cancelled, message: nil)))
        #expect(answers.error("a")?.kind == .cancelled)
        queue.cancel(a)
        #expect(answers.names == ["early", "b", "a"])
    }

    @Test("a request that is cancelled while it is handed in has its job cancelled")
    func cancelledWhileHandedIn() {
        let queue = queue()
        let a = entry("a")
        sink.state.withLock { $0.whenSubmitted = { _ in queue.cancel(a) } }
        queue.enter(a)
        #expect(sink.state.withLock { $0.cancelled } == [JobID(task: 7, sequence: 0)] && answers.names.isEmpty)
        sink.state.withLock { $0.whenSubmitted = nil }
        sink.finishFirst(.failure(.notCompleted(.dropped, .cancelled, message: nil)))
        #expect(answers.names == ["a"] && queue.load == (0, 0))
    }

    @Test("a job that ends before its submission returns is not cancelled after that")
    func endedWhileHandedIn() {
        let queue = queue()
        let a = entry("a")
        sink.state.withLock { state in
            state.whenSubmitted = { [sink] _ in
                queue.cancel(a)
                sink.finishFirst()
            }
        }
        queue.enter(a)
        #expect(answers.names == ["a"] && sink.state.withLock { $0.cancelled.isEmpty } && queue.load == (0, 0))
    }

    @Test("an instance whose job the scheduler does not take is free for the next")
    func refusal() {
        let queue = queue()
        sink.state.withLock { $0.refusal = .stopped }
        enter("a", queue)
        #expect(answers.error("a")?.refusal == .ending)
        sink.state.withLock { $0.refusal = nil }
        enter("b", queue)
        #expect(sink.running == 1)
    }

    @Test("a request whose job is rejected is refused, and not handed in again, though others of its task run")
    func rejection() {
        let queue = queue(instances: 2)
        for name in ["a", "b", "c", "d"] { enter(name, queue) }
        sink.finish(at: 1, .rejected)
        #expect(answers.error("b")?.refusal == .rejected(model: "net", .noContextFits))
        #expect(answers.error("b")?.message == "model 'net': no context has enough utilisation to spare for it")
        #expect(queue.load == (1, 2) && sink.state.withLock { $0.submitted } == 3)
        for _ in 0..<3 { sink.finishFirst() }
        #expect(answers.names == ["b", "a", "c", "d"] && queue.load == (0, 0))
    }

    @Test("those that wait when every context is lost are refused one after the other")
    func everyContextLost() {
        let queue = queue()
        for name in ["a", "b", "c"] { enter(name, queue) }
        sink.finishFirst(.failure(.notCompleted(.failed, .contextLost, message: nil)))
        while sink.running > 0 { sink.finishFirst(.failure(.notCompleted(.rejected, .noContextAlive, message: nil))) }
        #expect(answers.names == ["a", "b", "c"] && answers.error("a")?.kind == .failed)
        #expect(answers.error("c")?.refusal == .rejected(model: "net", .noContextAlive))
    }

    @Test("many that have run out of time are told without a stack that grows with them")
    func manyLate() {
        let queue = queue(priority: .high, limit: 50_000)
        enter("first", queue)
        for _ in 0..<50_000 { enter("late", queue, deadline: 1) }
        sink.state.withLock { $0.now += .milliseconds(2) }
        sink.finishFirst()
        #expect(answers.names.count == 50_001 && answers.error("late")?.kind == .tooLate)
    }

    @Test("every request is answered once, whatever order things happen in", arguments: 0..<200 as Range<UInt64>)
    func property(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let instances = 1 + Int(generator.next() % 3)
        let queue = queue(instances: instances, priority: seed % 2 == 0 ? .high : .low)
        var entries: [RequestQueue.Entry] = []
        for step in 0..<200 {
            switch generator.next() % 5 {
            case 0, 1: entries.append(enter("\(step)", queue, deadline: Int64(generator.next() % 80)))
            case 2 where sink.running > 0: sink.finishFirst(generator.next() % 4 > 0 ? .success([[1]]) : .rejected)
            case 3:
                let entry = entry("\(step)", deadline: Int64(generator.next() % 80))
                entries.append(entry)
                let isBefore = generator.next() % 2 == 0
                if isBefore { queue.cancel(entry) }
                sink.state.withLock { $0.whenSubmitted = { _ in queue.cancel(entry) } }
                queue.enter(entry)
                sink.state.withLock { $0.whenSubmitted = nil }
            default:
                if let entry = entries.randomElement(using: &generator) { queue.cancel(entry) }
                sink.advance(milliseconds: Int64(generator.next() % 20))
            }
            #expect(sink.running <= instances && queue.load.inFlight == sink.running)
            #expect(queue.load.waiting == 0 || queue.load.inFlight == instances)
        }
        while sink.running > 0 { sink.finishFirst() }
        #expect(answers.names.count == entries.count && Set(answers.names).count == entries.count)
        #expect(queue.load == (0, 0))
    }

    @Test("no request is lost or answered twice when clients, deadlines and ends come at the same time")
    func threads() async {
        let queue = queue(instances: 2, priority: .high, limit: 1_000)
        await withTaskGroup(of: Void.self) { group in
            for client in 0..<4 {
                group.addTask {
                    for number in 0..<200 {
                        let entry = enter("\(client)-\(number)", queue, deadline: Int64(number % 7))
                        if number % 3 == 0 { queue.cancel(entry) }
                    }
                }
            }
            group.addTask {
                while answers.names.count < 800 {
                    sink.advance(milliseconds: 1)
                    let job = sink.state.withLock { $0.jobs.popLast() }
                    job?.completion(.success([[1]]))
                    await Task.yield()
                }
            }
        }
        #expect(answers.names.count == 800 && Set(answers.names).count == 800 && queue.load == (0, 0))
    }
}
