import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import Logging
import ONNXRuntime
import Synchronization

/// Runs requests on the scheduler, whatever protocol they came by.
package final class InferenceService: Sendable {
    /// What there is to serve, and on what.
    private struct State {
        var models = Catalogue()
        var sink: (any JobSink)?
        var subject: LiveSubject?
        var connections: Connections?
        /// The names of the models that are being loaded, and how far that is.
        var expected: Set<String> = []
        var progress = LoadProgress()
        var control: (any ModelControl)?
        /// What became of requests for models that are there no more.
        var past = Totals()
    }

    private let catalogue = Mutex(State())
    private let limit: Int
    /// Writes down what becomes of requests.
    let journal: RequestJournal
    /// How many lines of the log have been lost.
    let droppedLogLines: @Sendable () -> Int
    private let inFlight = Atomic(0)
    private let isDraining = Atomic(false)
    private let isEnding = Atomic(false)
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

    // MARK: - Loading

    /// Says which models will be served, as soon as they are loaded.
    package func expect(_ names: some Sequence<String>) { catalogue.withLock { $0.expected = Set(names) } }

    /// Says how far loading is.
    ///
    /// - Parameters:
    ///   - number: of the model that is being loaded, from 1.
    ///   - total: all models to be loaded.
    package func isLoading(_ number: Int, of total: Int) {
        catalogue.withLock { $0.progress = LoadProgress(number: number, total: total) }
    }

    /// Says what is being done; a step that names a file stays untold.
    package func isLoading(_ step: String) {
        catalogue.withLock { $0.progress.step = step.contains("/") ? nil : step }
    }

    /// Serves the sporadic tasks of a prepared task set from now on, each as a model of its name.
    ///
    /// - Parameters:
    ///   - found: where they come from: versions, and what is written of them.
    ///   - unavailable: the models that there are besides, and cannot be served.
    package func serve(
        _ prepared: Preparation, executor: Executor<MachineDevice>, found: [FoundModel] = [],
        unavailable: [UnavailableModel] = []
    ) {
        let found = Dictionary(found.compactMap { model in model.usable.map { ($0.task.name, model) } }) { a, _ in a }
        var unavailable = unavailable
        let set = prepared.taskSet
        let sink = ExecutorSink(executor: executor)
        let tasks = set.tasks.indices.filter { prepared.arrivals[$0] == .sporadic }
        let queues = tasks.map { index in
            let task = set.tasks[index]
            let source = found[task.name]
            return (
                model: task.model, batch: task.batch, source: source,
                queue: RequestQueue(
                    name: source?.name ?? task.name, task: index, instances: task.instances, priority: task.priority,
                    deadline: prepared.configuration.tasks[index].deadline,
                    executionTime: prepared.configuration.tasks[index].afet.reduce(.zero, +),
                    limit: source?.usable?.config.waiting ?? set.serve.bounds.waiting, sink: sink)
            )
        }
        serve(
            queues.compactMap { entry in
                // A request may ask for another priority than its model's, where the same network has a task of that too.
                let other = queues.first {
                    $0.model == entry.model && $0.batch == entry.batch && $0.queue.priority != entry.queue.priority
                }
                let (signature, version) = (prepared.signatures[entry.queue.task], entry.source?.version)
                if let mismatch = entry.source?.usable?.config.mismatch(with: signature) {
                    unavailable.append(
                        UnavailableModel(
                            name: entry.queue.name, version: version ?? UnavailableModel.onlyVersion, reason: mismatch))
                    return nil
                }
                return ServedModel(
                    name: entry.queue.name, version: version ?? UnavailableModel.onlyVersion, signature: signature,
                    batch: entry.batch, own: entry.queue, other: other?.queue)
            }, on: sink, unavailable: unavailable,
            watching: LiveSubject(
                plan: prepared.plan, view: { executor.view() }, energy: { executor.energy() }))
    }

    func serve(
        _ models: [ServedModel], on sink: any JobSink, unavailable: [UnavailableModel] = [],
        watching subject: LiveSubject? = nil
    ) {
        let models = Catalogue(models, unavailable)
        catalogue.withLock { $0 = State(models: models, sink: sink, subject: subject, connections: $0.connections) }
    }

    /// Has models come and go by a repository from now on.
    package func control(by repository: ModelRepository) { catalogue.withLock { $0.control = repository } }

    /// What loads and unloads models; `nil` if nothing does.
    var control: (any ModelControl)? { catalogue.withLock { $0.control } }

    /// Has those who watch see a task that has come while the server runs.
    func describe(_ task: LoadedTask, as index: Int, homes: [Int]) {
        replan { plan in
            // One series a name: that of the task that is there from now on.
            for former in plan.tasks.indices where plan.tasks[former].name == task.specification.name {
                plan.tasks[former].name = ""
            }
            plan.tasks[index] = RunPlan.Task(task.specification, model: task.model, homes: homes)
        }
    }

    /// Has those who watch see a task no more whose model is gone.
    func forget(task name: String) {
        replan { plan in
            for index in plan.tasks.indices where plan.tasks[index].name == name { plan.tasks[index].name = "" }
        }
    }

    private func replan(_ body: (inout RunPlan) -> Void) {
        catalogue.withLock { state in
            guard var subject = state.subject else { return }
            body(&subject.plan)
            subject.revision += 1
            state.subject = subject
        }
    }

    /// Changes what is served, at one moment for all requests. What became of those for models that are gone then still counts.
    func change<Value: Sendable>(_ body: (inout Catalogue) -> Value) -> Value {
        catalogue.withLock { state in
            let before = state.models.served.map(\.statistics)
            defer {
                let after = state.models.served
                for gone in before where !after.contains(where: { $0.statistics === gone }) {
                    state.past.add(gone.figures)
                }
            }
            return body(&state.models)
        }
    }

    /// What there is, as it is now.
    var models: Catalogue { catalogue.withLock { $0.models } }

    /// The running system, for those who watch it; `nil` until there is one.
    var subject: LiveSubject? { catalogue.withLock { $0.subject } }

    // MARK: - State

    /// Whether clients should send requests: there is something to serve, a context that can run it, and no end in sight.
    package var isReady: Bool { unreadiness == nil }

    /// Whether there is something to serve.
    package var isLoaded: Bool { catalogue.withLock { $0.sink != nil } }

    /// Why clients should send no requests; `nil` if they should. Requests may still be taken.
    var unreadiness: Refusal? { isEnding.load(ordering: .relaxed) ? .ending : obstacle }

    /// Why requests are not taken; `nil` if they are.
    var obstacle: Refusal? {
        if isDraining.load(ordering: .relaxed) { return .ending }
        let (sink, progress) = catalogue.withLock { ($0.sink, $0.progress) }
        guard let sink else { return .loading(progress) }
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
        if let unreadiness { return unreadiness.description }
        guard model.isReady else { return "unloaded" }
        return blame.unavailability(of: model.name, at: now).map { "it \(RequestAccount.words($0))" }
    }

    /// Whether a model takes requests; an error if there is none of that name and version.
    func isReady(_ name: String, version: String?) throws(InferenceError) -> Bool {
        do throws(InferenceError) { return unavailability(of: try model(name, version: version)) == nil } catch {
            if case .refused(.modelNotReady) = error.kind { return false }
            throw error
        }
    }

    /// All models, or those that take requests.
    func index(isReadyOnly: Bool) -> [RepositoryEntry] {
        let (loading, progress) = catalogue.withLock { ($0.sink == nil ? $0.expected.sorted() : [], $0.progress) }
        guard loading.isEmpty else {
            return isReadyOnly ? [] : loading.map { RepositoryEntry(loading: $0, reason: progress.description) }
        }
        let models = models
        var entries = models.served.compactMap { model in
            let obstacle = unavailability(of: model)
            return isReadyOnly && obstacle != nil ? nil : RepositoryEntry(model, obstacle: obstacle)
        }
        if !isReadyOnly { entries += models.unavailable.map(RepositoryEntry.init) }
        return entries.sorted { ($0.name, Int($0.version) ?? 0) < ($1.name, Int($1.version) ?? 0) }
    }

    private var now: Nanoseconds { catalogue.withLock { $0.sink }?.now ?? .zero }

    /// To whose account a request for a model goes.
    func account(_ model: ServedModel, _ tag: RequestTag) -> RequestAccount {
        RequestAccount(client: tag.client, model: model.name, blame: blame, journal: journal)
    }

    /// Says that the end is near, so that clients go elsewhere; requests are taken still.
    package func announceEnd() { isEnding.store(true, ordering: .relaxed) }

    /// Takes no more requests; those that came run to their end.
    package func drain() {
        announceEnd()
        isDraining.store(true, ordering: .relaxed)
    }

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

        fileprivate mutating func add(_ figures: ModelStatistics.Figures) {
            answered += figures.success.count + figures.fail.count
            refused += figures.refused
            tooLate += figures.tooLate
            late += figures.late
        }
    }

    /// What has become of all requests for models.
    package var totals: Totals {
        let (models, past) = catalogue.withLock { ($0.models.served, $0.past) }
        return models.reduce(into: past) { $0.add($1.statistics.figures) }
    }

    /// All models that are served, by name and version.
    var all: [ServedModel] { models.served }

    /// The model with a name, in a version; in the latest that takes requests if that is `nil` or empty.
    func model(_ name: String, version: String?) throws(InferenceError) -> ServedModel {
        let obstacle = obstacle
        let result: Result<ServedModel, InferenceError> = catalogue.withLock { state in
            guard state.sink != nil else {
                let isExpected = state.expected.isEmpty || state.expected.contains(name)
                return .failure(
                    isExpected
                        ? Self.notReady(obstacle ?? .ending)
                        : InferenceError(.notFound, "there is no model '\(name)'"))
            }
            return Result { () throws(InferenceError) in try state.models.model(name, version: version) }
        }
        return try result.get()
    }

    // MARK: - Inference

    /// A model, and where its jobs are handed in.
    func lookUp(_ name: String, version: String?) throws(InferenceError) -> (model: ServedModel, sink: any JobSink) {
        let model = try model(name, version: version)
        guard let sink = catalogue.withLock({ $0.sink }) else { throw Self.notReady(obstacle ?? .ending) }
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
