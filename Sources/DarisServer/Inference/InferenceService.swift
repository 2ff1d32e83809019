import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import Logging
import ONNXRuntime
import Synchronization

/// Runs requests on the scheduler, whatever protocol they came by.
package final class InferenceService: Sendable {
    /// What there is to serve.
    private struct Catalogue {
        /// By name.
        var models: [String: ServedModel] = [:]
        var sink: (any JobSink)?
        var subject: LiveSubject?
        var connections: Connections?
    }

    private let catalogue = Mutex(Catalogue())
    private let limit: Int
    /// Writes down what becomes of requests.
    let journal: RequestJournal
    /// How many lines of the log have been lost.
    let droppedLogLines: @Sendable () -> Int
    private let inFlight = Atomic(0)
    private let isDraining = Atomic(false)
    private let blame = CrashBlame()
    /// What clients on this machine have registered.
    let sharedMemory = SharedMemoryRegions()

    /// A service that is not ready: it has nothing to serve yet.
    ///
    /// - Parameters:
    ///   - limit: the most requests at a time.
    ///   - logger: where to say what becomes of requests; nowhere if `nil`.
    ///   - droppedLogLines: how many lines of it have been lost, for the metrics.
    package init(limit: Int, logger: Logger? = nil, droppedLogLines: @escaping @Sendable () -> Int = { 0 }) {
        self.limit = limit
        self.droppedLogLines = droppedLogLines
        journal = RequestJournal(logger ?? Logger(label: "daris", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Serves the sporadic tasks of a prepared task set from now on, each as a model of its name.
    package func serve(_ prepared: Preparation, executor: Executor<MachineDevice>) {
        let set = prepared.taskSet
        let sink = ExecutorSink(executor: executor)
        let tasks = set.tasks.indices.filter { prepared.arrivals[$0] == .sporadic }
        let queues = tasks.map { index in
            let task = set.tasks[index]
            return (
                model: task.model, batch: task.batch,
                queue: RequestQueue(
                    name: task.name, task: index, instances: task.instances, priority: task.priority,
                    deadline: prepared.configuration.tasks[index].deadline,
                    executionTime: prepared.configuration.tasks[index].afet.reduce(.zero, +),
                    limit: set.serve.bounds.waiting, sink: sink)
            )
        }
        serve(
            queues.map { entry in
                // A request may ask for another priority than its model's, where the same network has a task of that too.
                let other = queues.first {
                    $0.model == entry.model && $0.batch == entry.batch && $0.queue.priority != entry.queue.priority
                }
                return ServedModel(
                    name: entry.queue.name, signature: prepared.signatures[entry.queue.task], batch: entry.batch,
                    own: entry.queue, other: other?.queue)
            }, on: sink,
            watching: LiveSubject(
                plan: prepared.plan, view: { executor.view() }, energy: { executor.energy() }))
    }

    func serve(_ models: [ServedModel], on sink: any JobSink, watching subject: LiveSubject? = nil) {
        let byName = Dictionary(models.map { ($0.name, $0) }) { first, _ in first }
        catalogue.withLock { $0 = Catalogue(models: byName, sink: sink, subject: subject, connections: $0.connections) }
    }

    /// The running system, for those who watch it; `nil` until there is one.
    var subject: LiveSubject? { catalogue.withLock { $0.subject } }

    // MARK: - State

    /// Whether requests are taken: there is something to serve, a context that can run it, and no end in sight.
    package var isReady: Bool { obstacle == nil }

    /// Why requests are not taken; `nil` if they are.
    var obstacle: Refusal? {
        guard let sink = catalogue.withLock({ $0.sink }) else { return .loading }
        if isDraining.load(ordering: .relaxed) { return .ending }
        return sink.canRun ? nil : .everyContextLost
    }

    /// What clients hold open, for those who watch; `nil` until the server runs.
    var connections: Connections? { catalogue.withLock { $0.connections } }

    func watch(_ connections: Connections) { catalogue.withLock { $0.connections = connections } }

    /// The error of a request that comes meanwhile.
    static func notReady(_ obstacle: Refusal) -> InferenceError {
        InferenceError(obstacle, retryAfter: .seconds(Int64(1)))
    }

    /// Why a model takes no requests; `nil` if it does.
    func unavailability(of model: ServedModel) -> String? {
        if let obstacle { return obstacle.description }
        guard model.isReady else { return "unloaded" }
        return blame.unavailability(of: model.name, at: now).map { "it \(RequestAccount.words($0))" }
    }

    /// All models, or those that take requests.
    func index(isReadyOnly: Bool) -> [RepositoryEntry] {
        all.compactMap { model in
            let obstacle = unavailability(of: model)
            return isReadyOnly && obstacle != nil ? nil : RepositoryEntry(model, obstacle: obstacle)
        }
    }

    private var now: Nanoseconds { catalogue.withLock { $0.sink }?.now ?? .zero }

    /// To whose account a request for a model goes.
    func account(_ model: ServedModel, _ tag: RequestTag) -> RequestAccount {
        RequestAccount(client: tag.client, model: model.name, blame: blame, journal: journal)
    }

    /// Takes no more requests; those that came run to their end.
    package func drain() { isDraining.store(true, ordering: .relaxed) }

    /// Requests that have not been answered.
    package var requestsInFlight: Int { inFlight.load(ordering: .relaxed) }

    /// What has become of requests so far.
    package struct Totals: Sendable, Hashable {
        /// All that were answered, in whatever way.
        package var answered = 0
        /// Refused, of those: before they became jobs, or since their jobs were rejected.
        package var refused = 0
        /// Given up at their deadlines, of those.
        package var tooLate = 0
        /// Answered with outputs after their deadlines, of those.
        package var late = 0
    }

    /// What has become of all requests for models.
    package var totals: Totals {
        let models = catalogue.withLock { Array($0.models.values) }
        return models.reduce(into: Totals()) { totals, model in
            let figures = model.statistics.figures
            totals.answered += figures.success.count + figures.fail.count
            totals.refused += figures.refused
            totals.tooLate += figures.tooLate
            totals.late += figures.late
        }
    }

    /// All models, by name.
    var all: [ServedModel] { catalogue.withLock { $0.models.values.sorted { $0.name < $1.name } } }

    /// The model with a name, in a version.
    func model(_ name: String, version: String?) throws(InferenceError) -> ServedModel {
        let (found, isLoaded) = catalogue.withLock { ($0.models[name], $0.sink != nil) }
        guard let model = found else {
            throw isLoaded ? InferenceError(.notFound, "there is no model '\(name)'") : Self.notReady(.loading)
        }
        guard version == nil || version == "" || version == model.version else {
            throw InferenceError(
                .notFound, "model '\(name)' has no version '\(version ?? "")'; it has version \(model.version)")
        }
        return model
    }

    // MARK: - Inference

    /// A model, and where its jobs are handed in.
    func lookUp(_ name: String, version: String?) throws(InferenceError) -> (model: ServedModel, sink: any JobSink) {
        let model = try model(name, version: version)
        guard let sink = catalogue.withLock({ $0.sink }) else { throw Self.notReady(.loading) }
        return (model, sink)
    }

    /// Refuses a request that cannot be run now, whatever it says.
    func check(_ call: InferenceCall) throws(InferenceError) {
        if let obstacle { throw Self.notReady(obstacle) }
        guard call.model.isReady else { throw InferenceError(.unloaded(model: call.model.name)) }
        if let refusal = account(call.model, call.tag).refusal(at: now) { throw refusal }
        guard inFlight.load(ordering: .relaxed) < limit else { throw tooMany }
    }

    /// Takes a request in, to be run; refuses it if there are too many.
    func begin() throws(InferenceError) {
        guard inFlight.add(1, ordering: .relaxed).newValue <= limit else {
            end()
            throw tooMany
        }
    }

    /// A request that was taken in has been answered.
    func end() { inFlight.subtract(1, ordering: .relaxed) }

    private var tooMany: InferenceError {
        InferenceError(.tooManyInFlight(limit: limit), retryAfter: .milliseconds(Int64(100)))
    }

    /// Counts a request, and writes it down.
    ///
    /// - Parameters:
    ///   - error: that it was answered with, if any.
    ///   - isLate: whether that was after its deadline.
    func note(
        _ error: InferenceError?, of model: ServedModel, _ priority: Priority, isLate: Bool,
        _ times: ModelStatistics.Times
    ) {
        if let error {
            model.statistics.failed(priority, error, after: times.total, at: Self.wallClock)
            journal.ended(model.name, priority, error, after: times.total)
        } else {
            model.statistics.succeeded(priority, times, isLate: isLate, at: Self.wallClock)
            journal.answered(model.name, priority, times, isLate: isLate)
        }
    }

    private static var wallClock: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    /// A request's tensors, checked against its model.
    func arranged(_ request: InferenceRequest, _ model: ServedModel) throws(InferenceError) -> ArrangedRequest {
        try ArrangedRequest(request, model, sharedMemory, request.usesSharedMemory ? connections?.budget : nil)
    }
}
