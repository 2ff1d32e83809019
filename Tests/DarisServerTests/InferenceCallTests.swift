import DarisCore
import DarisRuntime
import NIOCore
import Synchronization
import Testing

@testable import DarisServer

@Suite("A request from its first byte to its answer")
struct InferenceCallTests {
    private let sink = ManualSink()
    private let service = InferenceService(limit: 100)
    private let model: ServedModel

    init() {
        model = ServedModel(
            name: "net", signature: ModelSignature(inputs: [], outputs: []),
            own: RequestQueue(
                name: "net", task: 0, instances: 1, priority: .high, deadline: .milliseconds(100), limit: 10, sink: sink
            ),
            other: nil)
        service.serve([model], on: sink)
    }

    private func call(arrivedBefore milliseconds: Int64 = 0) throws -> InferenceCall {
        try InferenceCall(
            service, model: "net", version: nil, arrival: .now() - .milliseconds(milliseconds),
            tag: RequestTag(id: nil, traceParent: nil))
    }

    private var ends: [RequestEnd] { sink.state.withLock { $0.ends } }

    private func count(_ fate: RequestFate) -> Int { model.statistics.monitoring.requests(.high, fate) }

    @Test("time counts from the first byte: what receiving took is no longer left for the job")
    func receiving() throws {
        let call = try call(arrivedBefore: 60)
        call.run(InferenceRequest(model: "net")) { _ in }
        let left = try #require(sink.state.withLock { $0.jobs.first?.relativeDeadline })
        #expect(left <= .milliseconds(40) && left > .milliseconds(20))
    }

    @Test("one whose job was in time and whose answer was late is a miss in the run's figures and in the model's")
    func late() throws {
        let call = try call()
        let answer = Mutex<Result<InferenceResponse, InferenceError>?>(nil)
        call.run(InferenceRequest(model: "net")) { result in answer.withLock { $0 = result } }
        sink.advance(milliseconds: 90)
        sink.finishFirst(.success([]))
        #expect(answer.withLock { $0?.failure == nil && $0 != nil })
        sink.advance(milliseconds: 20)
        call.answered(nil)
        #expect(ends == [.answeredLate] && count(.late) == 1 && count(.answered) == 0)
        #expect(service.totals.late == 1 && service.totals.answered == 1)
    }

    @Test("one whose job was late already is counted once")
    func once() throws {
        let call = try call()
        call.run(InferenceRequest(model: "net")) { _ in }
        sink.advance(milliseconds: 120)
        sink.finishFirst(.success([]))
        call.answered(nil)
        #expect(ends.isEmpty && count(.late) == 1)
    }

    @Test("one that is answered at its own deadline while its job runs has expired, when the job is given up")
    func ownDeadline() throws {
        var request = InferenceRequest(model: "net")
        request.timeout = .milliseconds(10)
        let call = try call()
        #expect(call.ownDeadline == nil)
        call.run(request) { _ in }
        #expect(call.ownDeadline != nil)
        sink.advance(milliseconds: 10)
        call.answered(call.tooLate)
        call.cancel()
        #expect(ends.isEmpty && sink.state.withLock { $0.cancelled.count } == 1)
        sink.finishFirst(.failure(.notCompleted(.dropped, .cancelled, message: nil)))
        #expect(ends == [.expired] && count(.tooLate) == 1 && service.requestsInFlight == 0)
    }

    @Test("one whose job the scheduler rejected is in its figures already; one that it never saw is not")
    func refused() throws {
        let rejected = try call()
        rejected.run(InferenceRequest(model: "net")) { _ in }
        sink.finishFirst(.rejected)
        rejected.answered(InferenceError(.rejected(model: "net", .noContextFits)))
        #expect(ends.isEmpty && count(.refused) == 1)
        let unseen = try call()
        unseen.answered(InferenceError(.memoryFull(limit: 1)))
        #expect(ends == [.refused] && count(.refused) == 2)
    }

    @Test("one that its client gave up is no miss, wherever it was")
    func abandoned() throws {
        let (running, waiting, arriving) = (try call(), try call(), try call())
        for call in [running, waiting] { call.run(InferenceRequest(model: "net")) { _ in } }
        for call in [arriving, waiting, running] {
            call.cancel()
            call.answered(RequestQueue.cancelled)
        }
        sink.finishFirst(.failure(.notCompleted(.dropped, .cancelled, message: nil)))
        #expect(ends.isEmpty && count(.cancelled) == 3 && service.requestsInFlight == 0 && sink.running == 0)
    }

    @Test("nothing is left of a request when it has ended, however it ended")
    func release() throws {
        weak var last: InferenceCall?
        func run(_ end: (InferenceCall) -> Void) throws {
            let call = try call()
            last = call
            call.run(InferenceRequest(model: "net")) { _ in }
            end(call)
        }
        try run { call in
            sink.finishFirst(.success([]))
            call.answered(nil)
        }
        #expect(last == nil)
        try run { call in
            call.cancel()
            call.answered(RequestQueue.cancelled)
            sink.finishFirst(.failure(.notCompleted(.dropped, .cancelled, message: nil)))
        }
        #expect(last == nil)
        try run { call in
            sink.finishFirst(.rejected)
            call.answered(InferenceError(.rejected(model: "net", .noContextFits)))
        }
        #expect(last == nil)
    }

    @Test("one that is read to its end after its client has gone is not in flight")
    func readTooLate() throws {
        let call = try call()
        call.cancel()
        call.answered(RequestQueue.cancelled)
        let answer = Mutex<Result<InferenceResponse, InferenceError>?>(nil)
        call.run(InferenceRequest(model: "net")) { result in answer.withLock { $0 = result } }
        #expect(answer.withLock { $0?.failure } == RequestQueue.cancelled)
        #expect(service.requestsInFlight == 0 && sink.running == 0)
    }

    @Test("requests that are being read have their places in the queue until they enter it or end")
    func places() throws {
        let queue = RequestQueue(
            name: "low", task: 1, instances: 1, priority: .low, deadline: .seconds(Int64(1)), limit: 2, sink: sink)
        service.serve(
            [ServedModel(name: "low", signature: ModelSignature(inputs: [], outputs: []), own: queue, other: nil)],
            on: sink)
        func call() throws -> InferenceCall {
            try InferenceCall(
                service, model: "low", version: nil, arrival: .now(), tag: RequestTag(id: nil, traceParent: nil))
        }
        let (first, second) = (try call(), try call())
        first.reserve()
        second.reserve()
        let full = try #require(queue.refusalOfAll)
        #expect(full.refusal == .queueFull(model: "low", limit: 2))
        #expect(throws: full) { try call().admitHead() }
        first.run(InferenceRequest(model: "low")) { _ in }
        #expect(queue.refusalOfAll == nil && sink.running == 1)
        second.answered(InferenceError(.invalid, "it was no JSON"))
        #expect(queue.refusal(left: .seconds(Int64(1))) == nil)
    }

    @Test("low priority that cannot be in time even alone is refused; high priority runs, and is late")
    func hopeless() throws {
        func queue(_ priority: Priority) -> RequestQueue {
            RequestQueue(
                name: "net", task: 0, instances: 1, priority: priority, deadline: .seconds(Int64(1)),
                executionTime: .milliseconds(30), limit: 2, sink: sink)
        }
        let left = Nanoseconds.milliseconds(29)
        let refusal = try #require(queue(.low).refusal(left: left))
        #expect(refusal.refusal == .takesLonger(model: "net", .milliseconds(30), left: left))
        #expect(refusal.message == "model 'net': it takes 30.0 ms, and the request's deadline is in 29.0 ms")
        #expect(queue(.low).refusal(left: .milliseconds(30)) == nil && queue(.high).refusal(left: left) == nil)
        #expect(queue(.low).refusal(left: .zero)?.kind == .tooLate)
    }
}
