import DarisCore
import DarisRuntime
import Dispatch
import Synchronization
import Testing

@testable import DarisServer

/// A device whose stages end at once, once it is opened.
private final class GatedDevice: Device {
    private struct State {
        var isOpen = false
        var held: [StageEnd] = []
        var handler: @Sendable (StageEnd) -> Void = { _ in }
    }

    let laneCount = 1
    private let state = Mutex(State())
    private let ends = DispatchQueue(label: "ends of stages")

    var isHolding: Bool { state.withLock { !$0.held.isEmpty } }

    func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { ([], []) }

    func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { state.withLock { $0.handler = handler } }

    func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        let end = StageEnd(
            lane: dispatch.lane, job: dispatch.jobs[0], stage: dispatch.stage, executionTime: .microseconds(100))
        state.withLock { $0.held.append(end) }
        ends.async { self.endThoseHeld() }
    }

    func open() {
        state.withLock { $0.isOpen = true }
        ends.async { self.endThoseHeld() }
    }

    private func endThoseHeld() {
        let (held, handler) = state.withLock { state in
            defer { if state.isOpen { state.held = [] } }
            return (state.isOpen ? state.held : [], state.handler)
        }
        for end in held { handler(end) }
    }

    func terminateRunningStages() {}

    func shutDown() {}
}

@Suite("Overload", .timeLimit(.minutes(15)))
struct OverloadTests {
    private let device = GatedDevice()
    private let executor: Executor<GatedDevice>
    private let service = InferenceService(limit: 100)
    private let plan: RunPlan

    init() throws {
        func task(_ name: String, _ priority: Priority, afet: Int64) -> TaskSpecification {
            TaskSpecification(
                name: name, period: .seconds(Int64(1)), deadline: .seconds(Int64(1_000)), priority: priority,
                afet: [.milliseconds(afet)])
        }
        // No job of the last task is ever admitted.
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
            tasks: [task("first", .high, afet: 1), task("net", .low, afet: 1), task("big", .low, afet: 3_000)])
        executor = Executor(
            configuration, device: device, arrivals: [.sporadic, .sporadic, .sporadic],
            duration: .seconds(Int64(3_600)))
        plan = RunPlan(
            configuration, models: ["first", "net", "big"], device: "a test", unitName: "cores", units: 1,
            kind: .streams, contextUnits: [[0]], simulated: false, load: nil, duration: .zero, seed: 1, notes: [])
        let sink = ExecutorSink(executor: executor)
        let models = configuration.tasks.enumerated().map { index, task in
            ServedModel(
                name: task.name, signature: ModelSignature(inputs: [], outputs: []),
                own: RequestQueue(
                    name: task.name, task: index, instances: 1, priority: task.priority, deadline: task.deadline,
                    limit: 4, sink: sink), other: nil)
        }
        service.serve(models, on: sink, watching: LiveSubject(plan: plan) { [executor] in executor.view() })
    }

    private func ask(_ model: String, timeout: Nanoseconds? = nil, input: Bool = false) -> Task<Int, Never> {
        var request = InferenceRequest(model: model)
        request.timeout = timeout
        if input { request.inputs = [.init(name: "x", type: .float32, shape: [], bytes: [0, 0, 0, 0])] }
        return Task { [service, request] in
            do throws(InferenceError) {
                _ = try await service.infer(request)
                return 200
            } catch {
                return error.status.code
            }
        }
    }

    private func wait(until condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }

    @Test("what clients are refused is what the ledger, the page, the metrics and the summary say")
    func figures() async throws {
        executor.start()
        let models = Dictionary(uniqueKeysWithValues: service.all.map { ($0.name, $0) })
        let (first, net) = (try #require(models["first"]), try #require(models["net"]))
        var answers = [ask("net")]
        await wait { device.isHolding }
        // Nothing ends, but a request that waits is answered at its deadline.
        #expect(await ask("net", timeout: .milliseconds(5)).value == 504)
        answers += (0..<10).map { _ in ask("net") }
        await wait { net.own.load.waiting == 4 && service.totals.refused == 6 }
        for _ in 0..<3 { #expect(await ask("big").value == 503) }
        answers.append(ask("first"))
        await wait { first.own.load.inFlight == 1 }
        let abandoned = ask("first")
        await wait { first.own.load.waiting == 1 }
        abandoned.cancel()
        #expect(await abandoned.value == 499)
        #expect(await ask("net", input: true).value == 400)
        #expect(await ask("nothing").value == 404)
        net.isReady = false
        #expect(await ask("net").value == 503)
        net.isReady = true
        #expect(throws: InferenceError.self) {
            try service.admit(model: "net")
        }
        device.open()
        var statuses: [Int] = []
        for answer in answers { statuses.append(await answer.value) }
        service.drain()
        for _ in 0..<2 { #expect(await ask("first").value == 503) }

        #expect(statuses.count { $0 == 200 } == 6 && statuses.count { $0 == 503 } == 6)
        // Six that found the queue full, three rejected jobs, one unloaded, one refused early, two at the end.
        let refusals = 6 + 3 + 1 + 1 + 2
        #expect(service.totals.refused == refusals && service.totals.tooLate == 1)

        let view = executor.view()
        #expect(view.low.refused == 8 && view.low.counts.rejected == 3 && view.high.refused == 2)
        #expect(view.low.acceptance == 5.0 / (8 + 8) && view.low.missed == 1 && view.low.expired == 1)
        #expect(view.tasks.reduce(0) { $0 + $1.jobs.refused + $1.jobs.counts.rejected } == refusals)

        let metrics = try ExpositionText(
            MetricsPage(
                version: "1", isReady: false, requestsInFlight: 0, watchers: 0, droppedLogLines: 0,
                models: service.all, connections: nil, subject: service.subject
            ).text())
        func sum(_ name: String, _ fate: String? = nil) -> Double {
            metrics.samples.filter { $0.name == name && (fate == nil || $0.labels["fate"] == fate) }
                .reduce(0) { $0 + $1.value }
        }
        #expect(sum("daris_requests_total", "refused") == Double(refusals))
        #expect(sum("daris_requests_refused_total") + sum("daris_jobs_total", "rejected") == Double(refusals))
        #expect(sum("daris_requests_expired_total") == 1 && sum("daris_requests_total", "too_late") == 1)

        executor.interrupt()
        let summary = executor.waitForEnd().summary
        #expect((summary.lp.refused ?? 0) + summary.lp.rejected + (summary.hp.refused ?? 0) == refusals)
        #expect(summary.lp.acceptance == view.low.acceptance && summary.lp.expired == 1)
        // The one that its client gave up while it waited is neither a release nor a miss.
        #expect(summary.hp.released == 1 && summary.hp.missed == 0 && summary.hp.expired == 0)
        #expect(summary.jobs.isBalanced && summary.jobs.released == 9)
    }
}
