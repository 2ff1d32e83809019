import DarisConfiguration
import DarisCore
import DarisRuntime
import Synchronization

/// A task set on this machine: models loaded, stages cut, their times measured, jobs scheduled by DARIS.
///
/// ```swift
/// let system = try await InferenceSystem(file: "cameras.yaml")
/// try system.start()
/// let outputs = try await system.infer("front", [Tensor(pixels, shape: [1, 3, 224, 224])])
/// let summary = await system.stop()
/// ```
///
/// A system that was started must be stopped: until then its threads keep it, and its periodic tasks run. It makes one run.
public final class InferenceSystem: Sendable {
    /// How a task set is prepared.
    public struct Options: Sendable {
        /// Whether to cut and measure everything anew, and not to use what was kept from before.
        public var isFresh = false
        /// Whether to run even if the high-priority tasks alone do not fit.
        public var allowsOverload = false
        /// Whether to ask the system for SCHED_FIFO and locked memory.
        public var isRealTime = false
        /// The folder that keeps what was cut and measured; the user's own cache if `nil`.
        public var cacheFolder: String?
        /// The program `daris`, which tries models and runs worker processes (`isolation: process`). If `nil`, the one beside
        /// this program, else the one in `PATH`.
        public var workerExecutable: String?
        /// Told of each step in words, and finished with the last.
        public var progress: AsyncStream<String>.Continuation?

        /// The defaults.
        public init() {}
    }

    /// What has been counted so far in a run that goes on.
    public struct Snapshot: Hashable, Sendable {
        /// Time since the system was prepared.
        public let elapsed: Duration
        /// The jobs of high priority.
        public let high: JobFigures
        /// The jobs of low priority.
        public let low: JobFigures
    }

    private enum Phase: Sendable {
        case prepared
        case running
        case ended(Task<RunSummary, Never>)
    }

    /// The tasks, in the order of the task set.
    public let tasks: [TaskDescription]
    /// What the user should know: rights that are missing, stages that had to be merged, and the like.
    public let notes: [String]

    private let indices: [String: Int]
    private let device: MachineDevice
    private let executor: Executor<MachineDevice>
    private let phase = Mutex(Phase.prepared)
    private let contexts: Int

    // MARK: - Preparing

    /// Prepares the task set in a YAML file, which may take minutes where models have not been measured before.
    ///
    /// - Parameter file: the file's path; the paths in it are relative to its folder.
    public convenience init(file: String, options: Options = Options()) async throws(PreparationError) {
        try await self.init(options) { () throws(ConfigurationError) in try TaskSet.read(path: file) }
    }

    /// Prepares a task set from YAML, likewise; the paths in it are relative to the working folder.
    public convenience init(yaml: String, options: Options = Options()) async throws(PreparationError) {
        try await self.init(options) { () throws(ConfigurationError) in try TaskSet.parse(yaml, file: "task set") }
    }

    private init(
        _ options: Options, _ read: @escaping @Sendable () throws(ConfigurationError) -> TaskSet
    ) async throws(PreparationError) {
        defer { options.progress?.finish() }
        let prepared = try await onThread { () throws(PreparationError) in try Self.prepared(read, options) }
        tasks = prepared.configuration.tasks.indices.map { TaskDescription(prepared, task: $0) }
        indices = Dictionary(zip(tasks.map(\.name), tasks.indices)) { first, _ in first }
        notes = prepared.plan.notes
        device = prepared.device
        contexts = prepared.configuration.partition.contexts
        executor = prepared.executor()
    }

    private static func prepared(
        _ read: () throws(ConfigurationError) -> TaskSet, _ options: Options
    ) throws(PreparationError) -> Preparation {
        var chosen = Preparation.Options()
        chosen.fresh = options.isFresh
        chosen.force = options.allowsOverload
        chosen.realTime = options.isRealTime
        chosen.cache = options.cacheFolder.map { CacheFolder(path: $0, isFresh: options.isFresh) }
        chosen.workerExecutable = options.workerExecutable
        chosen.runsUntilInterrupted = true
        if let progress = options.progress { chosen.progress = { progress.yield($0) } }
        let taskSet: TaskSet
        do { taskSet = try read() } catch { throw PreparationError(error) }
        do { return try Preparation.prepare(taskSet, options: chosen) } catch { throw PreparationError(error, taskSet) }
    }

    // MARK: - Running

    /// Starts the run: periodic tasks release their jobs from now on, and `infer` is taken. A second call does nothing.
    ///
    /// - Throws: `PreparationError.device` if the system refuses the threads for it.
    public func start() throws(PreparationError) {
        // One for each context and one more of the executor, and the one that waits for its end.
        do throws(DeviceError) { try ThreadRoom.check(2 + contexts) } catch {
            throw .device(name: "cpu", reason: error.description)
        }
        phase.withLock { phase in
            guard case .prepared = phase else { return }
            phase = .running
            executor.start()
        }
    }

    /// Stops the run: takes no more jobs, lets those in flight end, and ends the threads.
    ///
    /// - Parameter limit: how long jobs may take to end; then their stages are terminated.
    /// - Returns: the figures of the run; the same for every caller.
    @discardableResult
    public func stop(within limit: Duration = .seconds(30)) async -> RunSummary {
        let end = phase.withLock { phase in
            if case .ended(let end) = phase { return end }
            let end = Task { [executor, device] in
                executor.interrupt()
                return await onThread {
                    let outcome = executor.waitForEnd(drainLimit: Nanoseconds(limit))
                    if outcome.summary.jobs.inFlight == 0 || device.canShutDownWhileHanging { device.shutDown() }
                    return RunSummary(outcome)
                }
            }
            phase = .ended(end)
            return end
        }
        return await end.value
    }

    // MARK: - Looking

    /// The task of a name; `nil` if there is none.
    public func task(_ name: String) -> TaskDescription? { indices[name].map { tasks[$0] } }

    /// Whether any context of the device can run stages now.
    public var canRun: Bool { executor.canRun }

    /// What has been counted so far.
    public func snapshot() -> Snapshot {
        let snapshot = executor.snapshot()
        return Snapshot(
            elapsed: Duration(snapshot.elapsed), high: JobFigures(snapshot.hp), low: JobFigures(snapshot.lp))
    }

    // MARK: - Inference

    /// Runs a job of a sporadic task and waits for its outputs. Cancelling the Swift task cancels the job.
    ///
    /// Outputs that come after the deadline are returned too, unless the task drops late jobs (`late: drop`).
    ///
    /// - Parameters:
    ///   - name: the task.
    ///   - inputs: in the order of the model's graph.
    ///   - deadline: from now to the job's own deadline; the task's if `nil`.
    /// - Returns: the outputs, in the order of the model's graph.
    public func infer(
        _ name: String, _ inputs: [Tensor], deadline: Duration? = nil
    ) async throws(InferenceError) -> [Tensor] {
        let index = try index(of: name)
        return try await infer(index, try tasks[index].bytes(of: inputs), deadline)
    }

    /// The same with inputs and outputs by their names in the model's graph.
    public func infer(
        _ name: String, _ inputs: [String: Tensor], deadline: Duration? = nil
    ) async throws(InferenceError) -> [String: Tensor] {
        let index = try index(of: name)
        let outputs = try await infer(index, try tasks[index].bytes(of: inputs), deadline)
        return Dictionary(zip(tasks[index].signature.outputs.map(\.name), outputs)) { first, _ in first }
    }

    private func index(of name: String) throws(InferenceError) -> Int {
        guard let index = indices[name] else { throw .unknownTask(name) }
        return index
    }

    private func infer(
        _ index: Int, _ inputs: [[UInt8]], _ deadline: Duration?
    ) async throws(InferenceError) -> [Tensor] {
        do throws(SubmissionError) {
            let outputs = try await executor.submit(
                task: index, inputs: inputs, relativeDeadline: deadline.map { Nanoseconds($0) })
            return tasks[index].tensors(of: outputs)
        } catch {
            throw InferenceError(error, task: tasks[index].name)
        }
    }
}
