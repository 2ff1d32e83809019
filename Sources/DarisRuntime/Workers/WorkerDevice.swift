import DarisCore
import Synchronization

/// A device each of whose contexts is a worker process, which may crash alone: its running jobs fail with the reason, the
/// other contexts go on, and another worker takes its place.
///
/// Stages and their ends go through memory that both sides have mapped, and so do inputs and outputs, which the worker's
/// tensors lie in. A worker holds a device of its own, with one context: see `WorkerSpecification.Held`.
package final class WorkerDevice: Device {
    /// How many lanes there are, context by context.
    package let laneCount: Int
    let contexts: [WorkerContext]
    private let handlers: WorkerHandlers
    /// One of its contexts.
    private let context: Partition
    private let whenEnded: @Sendable () -> Void
    private let meter: @Sendable () -> EnergyReading?

    /// What to start for a context.
    struct ContextPlan: Sendable {
        var specification: WorkerSpecification
        /// Variables for this worker beside those of this process.
        var environment: [String: String] = [:]
        /// Where to hear of the ends of its stages; empty for anywhere.
        var processors: [Int] = []
    }

    /// Starts a worker for each context, side by side, and waits until all are ready.
    ///
    /// - Parameters:
    ///   - plans: one a context, with equally many streams.
    ///   - program: what a worker runs.
    ///   - meter: what is known of the energy of the device that all of them share.
    ///   - whenEnded: called once all workers have ended at the shut-down, or could not be started.
    ///   - startLimit: how long a worker may take until it is ready.
    ///   - budget: how often a context's worker may be started again.
    init(
        _ plans: [ContextPlan], program: String, meter: @escaping @Sendable () -> EnergyReading? = { nil },
        whenEnded: @escaping @Sendable () -> Void = {},
        startLimit: Nanoseconds = WorkerLimits.start,
        budget: RestartBudget = RestartBudget(), progress: @escaping StepHandler
    ) throws(PreparationError) {
        let handlers = WorkerHandlers(contexts: plans.count)
        self.handlers = handlers
        self.whenEnded = whenEnded
        self.meter = meter
        context = plans.first?.specification.partition ?? Partition(contexts: 1, streams: 1, oversubscription: 1)
        laneCount = plans.count * context.laneCount
        var contexts: [WorkerContext] = []
        for (index, plan) in plans.enumerated() {
            // All load the same; one of them is enough to hear of.
            let steps: StepHandler = { step in if index == 0 { progress(step) } }
            let settings = WorkerContext.Settings(
                index: index, program: WorkerProgram(path: program, environment: plan.environment),
                specification: plan.specification, processors: plan.processors, startLimit: startLimit,
                budget: budget, handlers: handlers, progress: steps)
            do throws(DeviceError) {
                contexts.append(try WorkerContext(settings))
            } catch {
                throw .worker(context: index, reason: error.description)
            }
        }
        self.contexts = contexts
        for context in contexts { context.start() }
        for (index, context) in contexts.enumerated() {
            do throws(DeviceError) {
                try context.firstStart.wait()
            } catch {
                for context in contexts { context.end() }
                for context in contexts { context.join() }
                whenEnded()
                throw .worker(context: index, reason: error.description)
            }
        }
    }

    /// The processors that a context's worker runs on.
    package func processors(of context: Int) -> [Int] { contexts[context].settings.processors }

    /// The lanes that are not express lanes.
    package var ordinaryLanes: [Int] { (0..<laneCount).filter { !context.isExpress($0) } }

    /// The bytes of each input and output of a task's model, in the order of its graph.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        contexts[0].tensorSizes(of: task)
    }

    /// Of each different task, as the first worker found them.
    var shapes: [DeviceTask: TensorShapes] {
        let known = contexts[0].state.withLock { $0.shapes }
        return Dictionary(known.map { ($0.task, $0.shapes) }) { first, _ in first }
    }

    /// Says whom to tell of the ends of stages, while none runs; takes `terminateRunningStages` back.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) {
        handlers.setStageHandler(handler)
        for context in contexts { context.terminate(false) }
    }

    /// Says whom to tell of contexts that are lost and come back; it hears of those that are lost now at once.
    package func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        handlers.setContextHandler(handler)
    }

    /// Whether LP stages make way for HP.
    package func setMakingWay(_ isOn: Bool) { for context in contexts { context.setMakingWay(isOn) } }

    /// Wakes a lane that has been handed a stage, or the thread that copies its inputs.
    package func wake(lane: Int) { contexts[context.context(of: lane)].wake(context.place(of: lane)) }

    /// Hands a worker's lane a stage. All stages of a job must be handed to the same context.
    package func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        contexts[context.context(of: dispatch.lane)].hand(
            dispatch.jobs[0], instance: dispatch.jobs.instance(at: 0), stage: dispatch.stage,
            lane: context.place(of: dispatch.lane), io: tensors.first ?? nil)
    }

    /// Has the workers end their stages early.
    package func terminateRunningStages() {
        for context in contexts { context.terminate(true) }
    }

    /// The energy of the device that all workers share.
    package func energy() -> EnergyReading? { meter() }

    /// Ends the workers, by force if they take long, and all threads.
    package func shutDown() {
        for context in contexts { context.end() }
        for context in contexts { context.join() }
        whenEnded()
    }

    /// A process can be killed, a thread cannot.
    package var canShutDownWhileHanging: Bool { true }

    /// What has become of the workers, in words, where that is worth a line.
    package var notes: [String] {
        contexts.enumerated().compactMap { index, context in
            context.state.withLock { $0.record }.note(context: index)
        }
    }

    // Not `shutDown`, which waits: a keeper may be the one that lets go of the device.
    deinit {
        for context in contexts { context.end() }
    }
}

/// Whom a device of workers tells of ends of stages and of lost contexts.
final class WorkerHandlers: Sendable {
    /// In a structure, since a closure that is taken out of a generic type and put back gets a wrapper each time.
    private struct Stages {
        var call: @Sendable (StageEnd) -> Void = { _ in }
    }

    private struct Contexts {
        var call: @Sendable (ContextChange) -> Void = { _ in }
        /// Why each context is lost, if it is.
        var lost: [Int: DeviceError] = [:]
        /// Those of them that are not to be relied on to come back.
        var exhausted: Set<Int> = []
        /// Why nothing comes back, once that is so.
        var end: DeviceError?
    }

    private let count: Int

    private let stages = Mutex(Stages())
    private let contexts = Mutex(Contexts())

    /// - Parameter contexts: how many there are.
    init(contexts: Int) { count = contexts }

    func setStageHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { stages.withLock { $0.call = handler } }

    func tell(_ end: StageEnd) { stages.withLock { $0.call }(end) }

    /// Takes a new handler, and tells it of the contexts that are lost already.
    func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        contexts.withLock { contexts in
            contexts.call = handler
            for (context, reason) in contexts.lost { handler(.lost(context, reason)) }
            if let end = contexts.end { handler(.abandoned(end)) }
        }
    }

    /// Notes that a lost context has been given up so often that it is not to be relied on to come back. Once that is so of
    /// all, tells that the device is abandoned.
    func exhausted(_ context: Int) {
        contexts.withLock { contexts in
            contexts.exhausted.insert(context)
            guard contexts.exhausted.count == count, contexts.end == nil else { return }
            let reason = DeviceError(
                "every context is lost and was given up again and again; context \(context): "
                    + (contexts.lost[context]?.description ?? "unknown"))
            contexts.end = reason
            contexts.call(.abandoned(reason))
        }
    }

    /// Tells of a context. The lock is held meanwhile, so that a handler that is being set neither misses a change nor hears of it
    /// twice; a handler launches from it, but never sets another.
    func tell(_ change: ContextChange) {
        contexts.withLock { contexts in
            switch change {
            case .lost(let context, let reason): contexts.lost[context] = reason
            case .restored(let context):
                contexts.lost[context] = nil
                contexts.exhausted.remove(context)
            case .abandoned: break
            }
            contexts.call(change)
        }
    }
}
