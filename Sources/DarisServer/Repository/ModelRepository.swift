import CDarisSystem
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import Synchronization

/// Loads and unloads the models of a running server (docs/decisions/0022).
///
/// A model is tried, cut, loaded and measured beside those that run, then put in the place of what was served under its name, at
/// one moment. Requests that were in flight then end on the former one, whose memory is freed after them. What cannot be loaded
/// leaves the former as it is. One change is made after the other.
package final class ModelRepository: ModelControl {
    /// A version of a model.
    private struct Key: Hashable {
        var name: String
        var version: String
    }

    /// What is known of a version.
    private struct Known {
        /// What its files were like when it was loaded, or could not be.
        var stamps: FileStamps
        var overrides = ModelOverrides.none
        /// Network and batch, by which tasks of both priorities belong together.
        var network = ""
        var batch = 1
    }

    private let source: any ModelSource
    private let service: InferenceService
    private let executor: Executor<MachineDevice>
    private let loader: Result<TaskLoader, PreparationError>
    /// The most requests that wait for a model.
    private let waiting: Int
    /// How long an operator's call waits for requests in flight.
    private let patience: Nanoseconds
    private let log: @Sendable (String) -> Void
    private let turn = Turn(limit: 64)
    private let known = Mutex<[Key: Known]>([:])
    /// What the last poll saw of files that are not loaded.
    private let seen = Mutex<[Key: FileStamps]>([:])
    private let missing = Mutex<Set<String>>([])

    /// A repository of what a server has been started with.
    ///
    /// - Parameters:
    ///   - found: what the source had when the server was prepared.
    ///   - log: told of what was done, in a sentence.
    package init(
        _ source: any ModelSource, found: [FoundModel], service: InferenceService, prepared: Preparation,
        executor: Executor<MachineDevice>, log: @escaping @Sendable (String) -> Void
    ) {
        self.source = source
        self.service = service
        self.executor = executor
        self.log = log
        loader = Result { () throws(PreparationError) in try TaskLoader(prepared) }
        waiting = prepared.taskSet.serve.bounds.waiting
        patience = prepared.taskSet.serve.bounds.drain
        known.withLock { known in
            for model in found {
                var entry = Known(stamps: model.stamps)
                if let usable = model.usable { (entry.network, entry.batch) = (usable.model.name, usable.task.batch) }
                known[Key(name: model.name, version: model.version)] = entry
            }
        }
    }

    // MARK: - For operators

    /// Serves a model as its files are now. Returns once it is served; what it replaces may still be at its last requests.
    func load(_ name: String, _ overrides: ModelOverrides) async throws(InferenceError) {
        try await turn.take()
        let result: Result<Void, InferenceError> = await result { () async throws(InferenceError) in
            try await self.loadNow(name, overrides)
        }
        turn.give()
        try result.get()
    }

    /// Serves a model no more, and returns once its memory is free, or the requests in flight take long.
    func unload(_ name: String) async throws(InferenceError) {
        try await turn.take()
        let result: Result<[Leaving], InferenceError> = await self.result { () async throws(InferenceError) in
            guard self.service.models.entries[name] != nil else {
                throw InferenceError(.notFound, "there is no model '\(name)'")
            }
            return self.withdraw(name, isGone: false)
        }
        turn.give()
        await wait(for: try result.get())
    }

    private func result<Value>(
        _ body: () async throws(InferenceError) -> Value
    ) async -> Result<Value, InferenceError> {
        do throws(InferenceError) { return .success(try await body()) } catch { return .failure(error) }
    }

    // MARK: - Loading

    private func loadNow(_ name: String, _ overrides: ModelOverrides) async throws(InferenceError) {
        let found = source.look(at: name, overrides)
        guard !found.isEmpty else {
            throw InferenceError(
                .notFound, "there is no model '\(name)' in '\(URL(fileURLWithPath: source.path).lastPathComponent)'")
        }
        var problem: InferenceError?
        for model in found {
            do throws(InferenceError) { try await bring(model, overrides) } catch { problem = problem ?? error }
        }
        let versions = Set(found.map(\.version))
        let entry = service.models.entries[name]
        for version in (entry?.served.map(\.version) ?? []) + (entry?.unavailable.map(\.version) ?? [])
        where !versions.contains(version) {
            withdraw(name, version: version, isGone: true)
            log("model '\(name)' version \(version): gone")
        }
        if let problem { throw problem }
    }

    /// Loads a version if it is not served as it is now.
    private func bring(_ model: FoundModel, _ overrides: ModelOverrides) async throws(InferenceError) {
        let key = Key(name: model.name, version: model.version)
        let current = service.models.served(model.name, model.version)
        let former = known.withLock { $0[key] }
        let isSame = former?.stamps == model.stamps && former?.overrides == overrides
        if let current, isSame, current.isReady || !comesAndGoes, case .success = model.content {
            current.isReady = true
            return
        }
        let isServed = current?.isReady == true
        let name = model.name
        do throws(ModelProblem) {
            let usable = try model.content.get()
            try await start(usable, model, overrides)
            for note in model.notes { log(note) }
            log("model '\(name)'\(Self.suffix(model.version)): \(isServed ? "replaced" : "loaded")")
        } catch {
            // Not tried again before it changes.
            seen.withLock { $0[key] = model.stamps }
            failed.withLock { $0[key] = model.stamps }
            if current == nil {
                service.change {
                    _ = $0.put(UnavailableModel(name: name, version: model.version, reason: error.reason))
                }
            }
            let stays = isServed ? "; what was loaded before is served on" : ""
            let message = "model '\(name)'\(Self.suffix(model.version)) is not loaded: \(error.reason)\(stays)"
            log(message)
            throw InferenceError(.invalid, message)
        }
    }

    private let failed = Mutex<[Key: FileStamps]>([:])

    private static func suffix(_ version: String) -> String {
        version == UnavailableModel.onlyVersion ? "" : " version \(version)"
    }

    private func start(
        _ usable: FoundModel.Usable, _ model: FoundModel, _ overrides: ModelOverrides
    ) async throws(ModelProblem) {
        let task: LoadedTask
        do throws(PreparationError) {
            let loader = try loader.get()
            task = try await onThread { () throws(PreparationError) in try loader.load(usable.model, for: usable.task) }
        } catch {
            throw ModelProblem(error, of: usable.model)
        }
        if let mismatch = usable.config.mismatch(with: task.signature) { throw ModelProblem(reason: mismatch) }
        // A file that has changed meanwhile is loaded again at the next look.
        let key = Key(name: model.name, version: model.version)
        do throws(TaskAdditionError) {
            let former = service.models.served(model.name, model.version)
            let index = try executor.add(task, insteadOf: former?.isReady == true ? former?.own.task : nil)
            let queue = RequestQueue(
                name: model.name, task: index, instances: task.specification.instances,
                priority: task.specification.priority, deadline: task.specification.deadline,
                limit: usable.config.waiting ?? waiting, sink: ExecutorSink(executor: executor))
            known.withLock {
                $0[key] = Known(
                    stamps: model.stamps, overrides: overrides, network: usable.model.name, batch: usable.task.batch)
            }
            service.describe(task, as: index, homes: executor.homes(of: index))
            exchange(
                ServedModel(
                    name: model.name, version: model.version, signature: task.signature, own: queue, other: nil,
                    statistics: former?.statistics ?? ModelStatistics()))
        } catch {
            throw ModelProblem(reason: error.description)
        }
    }

    /// Serves a model in place of what there was of it, which leaves.
    private func exchange(_ model: ServedModel) {
        let known = known.withLock { $0 }
        let leaving = service.change { models in
            let former = models.put(model).flatMap(Leaving.init)
            // One whose place it has taken has none any more.
            for other in models.served where !other.isReady && other.own.task == model.own.task {
                models.put(shell(of: other, task: -1))
            }
            Self.pair(models.served, known)
            return former
        }
        if let leaving { retire(leaving) }
    }

    /// A model that is unloaded: it can be asked about, and refuses requests. What it counts goes on.
    ///
    /// - Parameter task: the task that these requests count for; below 0 for none.
    private func shell(of model: ServedModel, task: Int) -> ServedModel {
        let shell = ServedModel(
            name: model.name, version: model.version, signature: model.signature,
            own: RequestQueue(
                name: model.name, task: task, instances: model.own.instances, priority: model.own.priority,
                deadline: model.own.deadline, limit: 0, sink: ExecutorSink(executor: executor)),
            other: nil, statistics: model.statistics)
        shell.isReady = false
        return shell
    }

    /// Has requests for the other priority find the task of the same network that has it.
    private static func pair(_ models: [ServedModel], _ known: [Key: Known]) {
        func facts(_ model: ServedModel) -> (String, Int)? {
            known[Key(name: model.name, version: model.version)].map { ($0.network, $0.batch) }
        }
        for model in models where model.isReady {
            guard let own = facts(model) else { continue }
            let other = models.first { other in
                guard other.isReady, let facts = facts(other) else { return false }
                return facts == own && other.own.priority != model.own.priority
            }
            model.other = other?.own
        }
    }

    // MARK: - Unloading

    /// A model that is served no more, while requests may still be in flight.
    private final class Leaving: Sendable {
        private let box: Box
        let task: Int
        let isGone = Atomic<Bool>(false)

        private final class Box: @unchecked Sendable {
            // Unchecked: written once; a weak reference may be read from anywhere.
            weak var queue: RequestQueue?
            init(_ queue: RequestQueue) { self.queue = queue }
        }

        /// `nil` if it has left already.
        init?(_ model: ServedModel) {
            guard model.isReady else { return nil }
            box = Box(model.own)
            task = model.own.task
        }

        /// Whether a request may still come to its queue, or wait there: then something holds it.
        var hasRequests: Bool { box.queue != nil }
    }

    /// Withdraws all versions of a model.
    ///
    /// - Parameter isGone: whether there is no such model any more; else it can be loaded again.
    @discardableResult
    private func withdraw(_ name: String, isGone: Bool) -> [Leaving] {
        let entry = service.models.entries[name]
        let versions =
            (entry?.served.map(\.version) ?? []) + (isGone ? entry?.unavailable.map(\.version) ?? [] : [])
        return versions.compactMap { withdraw(name, version: $0, isGone: isGone) }
    }

    @discardableResult
    private func withdraw(_ name: String, version: String, isGone: Bool) -> Leaving? {
        guard comesAndGoes else {
            // The device keeps the models that it was made with.
            service.models.served(name, version)?.isReady = false
            return nil
        }
        let known = known.withLock { $0 }
        let leaving: Leaving? = service.change { models in
            guard let model = models.served(name, version) else {
                if isGone { models.remove(name, version: version) }
                return nil
            }
            if isGone {
                models.remove(name, version: version)
            } else if model.isReady {
                models.put(shell(of: model, task: model.own.task))
            }
            let former = Leaving(model)
            model.isReady = false
            Self.pair(models.served, known)
            return former
        }
        if isGone {
            for task in [name, "\(name)/\(version)"] { service.forget(task: task) }
        }
        if let leaving { retire(leaving) }
        return leaving
    }

    /// Whether the device loads models while it runs.
    private var comesAndGoes: Bool {
        if case .success = loader { true } else { false }
    }

    /// Takes a task out once no request can come to it any more, and frees its memory.
    private func retire(_ leaving: Leaving) {
        Task { [executor] in
            while leaving.hasRequests { try? await Task.sleep(for: .milliseconds(5)) }
            executor.remove(leaving.task)
            while executor.hasJobs(leaving.task) { try? await Task.sleep(for: .milliseconds(5)) }
            await onThread {
                executor.clear(leaving.task)
                daris_return_freed_memory()
            }
            leaving.isGone.store(true, ordering: .releasing)
        }
    }

    private func wait(for leaving: [Leaving]) async {
        let end = ContinuousClock.now + .nanoseconds(patience.rawValue)
        for model in leaving {
            while !model.isGone.load(ordering: .acquiring), ContinuousClock.now < end {
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    // MARK: - Polling

    /// Looks for files that are new, have changed or are gone every so often, until the Swift task is cancelled.
    package func poll(every interval: Nanoseconds) async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .nanoseconds(interval.rawValue)) } catch { return }
            await lookForChanges()
        }
    }

    /// Loads what is new or has changed, once it has been the same at two looks, so that no half of a file is loaded; and unloads
    /// what has been gone at two.
    func lookForChanges() async {
        guard case .success = await result({ () async throws(InferenceError) in try await turn.take() }) else { return }
        defer { turn.give() }
        let names: [String]
        do throws(ServerError) { names = try source.names() } catch { return log("no poll: \(error)") }
        for name in names {
            let found = source.look(at: name, .none)
            let states = found.map { state(of: $0) }
            let gone = Set(service.models.entries[name]?.served.map(\.version) ?? []).subtracting(found.map(\.version))
            guard !states.contains(.changing), states.contains(.changed) || !gone.isEmpty else { continue }
            // Why it fails has been said.
            _ = await result { () async throws(InferenceError) in try await loadNow(name, .none) }
        }
        let absent = Set(service.models.entries.keys).subtracting(names)
        let gone = missing.withLock { missing in
            defer { missing = absent }
            return absent.intersection(missing)
        }
        for name in gone.sorted() {
            withdraw(name, isGone: true)
            known.withLock { known in known = known.filter { $0.key.name != name } }
            log("model '\(name)': its files are gone; unloaded")
        }
    }

    private enum ChangeState { case same, changing, changed }

    private func state(of model: FoundModel) -> ChangeState {
        let key = Key(name: model.name, version: model.version)
        if known.withLock({ $0[key]?.stamps }) == model.stamps { return .same }
        if failed.withLock({ $0[key] }) == model.stamps { return .same }
        let isStable = seen.withLock { seen in
            defer { seen[key] = model.stamps }
            return seen[key] == model.stamps
        }
        return isStable ? .changed : .changing
    }
}

extension ModelProblem {
    /// Why a model cannot be prepared, without where its file is.
    init(_ error: PreparationError, of model: ModelDeclaration) {
        reason = error.reason
        if case .file(let path) = model.source {
            reason = reason.replacing(path, with: URL(fileURLWithPath: path).lastPathComponent)
        }
    }
}

/// Has one after the other do something, in the order in which they come.
private final class Turn: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the most that wait.
    init(limit: Int) { self.limit = limit }

    func take() async throws(InferenceError) {
        guard state.withLock({ $0.waiting.count < limit }) else {
            throw InferenceError(.loadsWaiting(limit: limit), retryAfter: .seconds(Int64(1)))
        }
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.isTaken { state.waiting.append(continuation) }
                defer { state.isTaken = true }
                return !state.isTaken
            }
            if isFree { continuation.resume() }
        }
    }

    func give() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
