import CDarisSystem
import DarisCore
import Glibc
import Synchronization

/// One context whose stages run in a worker process, as the parent sees it.
///
/// Three kinds of threads meet here: those that launch, under the scheduler's lock, a watching thread for each lane that
/// lives as long as a worker, copies tensors and tells of ends (`WorkerContext+Ends.swift`), and a keeper that starts
/// workers and notices their ends (`WorkerContext+Life.swift`).
final class WorkerContext: Sendable {
    /// What stays the same from worker to worker.
    struct Settings: Sendable {
        var index: Int
        var program: WorkerProgram
        var specification: WorkerSpecification
        /// Where the watching threads run: with the worker's lanes, since each works while its own waits.
        var processors: [Int]
        /// How long a worker may take until it is ready.
        var startLimit: Nanoseconds
        var budget: RestartBudget
        var handlers: WorkerHandlers
        var progress: StepHandler

        var laneCount: Int { specification.laneCount }
        /// Above the lanes', for one that runs a stage must not keep the ends of others from being heard.
        var watchingPriority: Int { specification.fifoPriority > 0 ? specification.fifoPriority + 1 : 0 }
    }

    /// What has been launched on a lane.
    struct Lane {
        var job = JobID(task: 0, sequence: 0)
        var instance = 0
        var makesWay = false
        var stage = 0
        var io: JobTensors?
        /// Of the last command to the present worker.
        var sequence: UInt32 = 0
        /// A stage has been launched whose end has not been told.
        var isBusy = false
        /// The lane's watching thread is to copy the job's inputs before the worker hears of it.
        var waitsForInputs = false
    }

    struct State {
        var lanes: ContiguousArray<Lane>
        /// The worker; `nil` while there is none.
        var attachment: WorkerAttachment?
        var isTerminating = false
        /// Whether LP stages make way for HP.
        var isMakingWay = true
        var isStopping = false
        /// Tensor sizes by task, once the first worker is ready.
        var sizes: [(inputs: [TensorSize], outputs: [TensorSize])] = []
        /// What it found out of the tasks' tensors.
        var shapes: [WorkerSpecification.KnownShapes] = []
        var record = WorkerRecord()
    }

    let settings: Settings
    let state: Mutex<State>
    /// Wakes the keeper.
    let event: Descriptor
    let firstStart = FirstStart()
    let watchers: [Watcher]
    private let keeper = Mutex<DedicatedThread?>(nil)

    /// A lane's watching thread.
    final class Watcher: @unchecked Sendable {
        // Unchecked: touched by the watching thread alone.

        let identity = ThreadIdentity()
        /// Whether the thread tells of an end.
        var isTelling = false
    }

    init(_ settings: Settings) throws(DeviceError) {
        self.settings = settings
        event = try Descriptor(daris_event(), "an event")
        state = Mutex(State(lanes: ContiguousArray(repeating: Lane(), count: settings.laneCount)))
        watchers = (0..<settings.laneCount).map { _ in Watcher() }
    }

    /// Starts the keeper, which starts a worker; `firstStart` tells how that went.
    func start() {
        keeper.withLock { keeper in
            do throws(DeviceError) {
                keeper = try DedicatedThread(.init(name: "daris-keep.\(settings.index)")) { self.keep() }
            } catch {
                firstStart.tell(.failure(error))
            }
        }
    }

    /// Hands an idle lane, counted within the context, a stage and returns at once: writes a command. A job's inputs are copied by
    /// the lane's watching thread.
    func hand(_ job: JobID, instance: Int, stage: Int, lane: Int, io: JobTensors?) {
        let followsEnd = watchers[lane].identity.isCurrent && watchers[lane].isTelling
        state.withLock { state in
            state.lanes[lane].job = job
            state.lanes[lane].instance = instance
            state.lanes[lane].makesWay = state.isMakingWay && settings.specification.makesWay(instance)
            state.lanes[lane].stage = stage
            state.lanes[lane].io = io
            state.lanes[lane].isBusy = true
            guard let attachment = state.attachment else { return }
            if io != nil && stage == 0 {
                state.lanes[lane].waitsForInputs = true
            } else {
                state.lanes[lane].command(attachment.memory.slot(lane), followsEnd: followsEnd)
            }
        }
    }

    /// Wakes who has to do with the stage that a lane has been handed: the worker, the thread that copies its inputs, or, where
    /// there is no worker, the keeper, which fails it.
    func wake(_ lane: Int) {
        let (attachment, entry) = state.withLock { ($0.attachment, $0.lanes[lane]) }
        guard let attachment else { return wakeKeeper() }
        if entry.waitsForInputs {
            attachment.wake(lane)
        } else {
            attachment.memory.slot(lane).wakeWorker(makingWay: entry.makesWay)
        }
    }

    /// The bytes of each input and output of a task's model.
    func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        state.withLock { $0.sizes[task] }
    }

    /// Whether LP stages make way for HP.
    func setMakingWay(_ isOn: Bool) { state.withLock { $0.isMakingWay = isOn } }

    /// Has stages end early, or takes that back.
    func terminate(_ isTerminating: Bool) {
        let attachment = state.withLock { state in
            state.isTerminating = isTerminating
            return state.attachment
        }
        guard let attachment else { return }
        daris_store(attachment.memory.termination, isTerminating ? 1 : 0)
        if isTerminating { wakeKeeper() }
    }

    /// Has the worker and the threads end; does not wait.
    func end() {
        state.withLock { $0.isStopping = true }
        wakeKeeper()
    }

    /// Waits until the worker and the threads have ended.
    func join() { keeper.withLock { $0 }?.join() }

    func wakeKeeper() {
        var one: UInt64 = 1
        write(event.number, &one, 8)
    }
}

extension WorkerContext.Lane {
    /// Writes the command for what has been launched.
    mutating func command(_ slot: LaneSlot, followsEnd: Bool) {
        sequence &+= 1
        waitsForInputs = false
        slot.write(
            .init(job: job, instance: instance, stage: stage, followsEnd: followsEnd), sequence: sequence,
            makingWay: makesWay)
    }
}

/// What a worker process runs.
struct WorkerProgram: Sendable {
    var path: String
    /// Variables beside those of this process.
    var environment: [String: String]
}

/// An open file that is closed when it is let go of.
struct Descriptor: ~Copyable {
    let number: Int32

    /// Takes over an open file, or throws what a call said that was to open it: an error number, negative.
    init(_ number: Int32, _ subject: String) throws(DeviceError) {
        guard number >= 0 else { throw DeviceError("\(subject): \(String(cString: strerror(-number)))") }
        self.number = number
    }

    deinit { close(number) }
}

/// How the first start of a worker went; its device waits for that.
final class FirstStart: Sendable {
    private let outcome = Mutex<Result<Void, DeviceError>?>(nil)
    private let semaphore = Semaphore()

    /// Tells; only the first time counts.
    func tell(_ result: Result<Void, DeviceError>) {
        let isFirst = outcome.withLock { outcome in
            defer { outcome = outcome ?? result }
            return outcome == nil
        }
        if isFirst { semaphore.post() }
    }

    /// Waits until it has been told; call it once.
    func wait() throws(DeviceError) {
        semaphore.wait()
        if case .failure(let error)? = outcome.withLock({ $0 }) { throw error }
    }
}

/// What has become of a context's workers.
struct WorkerRecord: Sendable, Hashable {
    /// Workers that ended without being told to.
    private(set) var losses = 0
    /// Workers that took their place.
    private(set) var restarts = 0
    /// Why the last one ended.
    private(set) var lastReason: String?
    /// How many times no other one was started for a while.
    private(set) var pauses = 0

    mutating func lost(_ reason: String) {
        losses += 1
        lastReason = reason
    }

    mutating func restarted() { restarts += 1 }

    mutating func paused() { pauses += 1 }

    /// In words for a report; `nil` if there is nothing to say.
    func note(context: Int) -> String? {
        guard losses > 0, let lastReason else { return nil }
        func times(_ count: Int) -> String { count == 1 ? "once" : "\(count) times" }
        let back = restarts == 0 ? "never" : times(restarts)
        let lost = "context \(context) was lost \(times(losses)) and came back \(back): \(lastReason)"
        return pauses == 0 ? lost : "\(lost); it was given up for a pause \(times(pauses))"
    }
}

/// When a worker may be started again: after ever longer delays. After so many starts in a span its context is given up for a
/// pause, which is twice as long each time, until a worker has lived for that span.
struct RestartBudget: Sendable {
    /// The most starts in a span before the context is given up.
    let limit: Int
    let span: Nanoseconds
    /// How long the first pause is.
    let firstPause: Nanoseconds
    private var starts: [Nanoseconds] = []
    /// When the present worker was ready.
    private var ready: Nanoseconds?
    /// How many times in a row the context has been given up.
    private(set) var pauses = 0

    /// - Parameters:
    ///   - limit: the most starts in a span, from 0 to 30.
    ///   - span: how long a start counts.
    init(
        limit: Int = WorkerLimits.startsPerMinute, span: Nanoseconds = .seconds(Int64(60)),
        firstPause: Nanoseconds = WorkerLimits.firstPause
    ) {
        self.limit = limit
        self.span = span
        self.firstPause = firstPause
    }

    /// Whether the context has been given up so many times in a row that it is not to be relied on.
    var isExhausted: Bool { pauses > WorkerLimits.pausesBeforeEnd }

    /// Notes that a worker is ready.
    mutating func started(at now: Nanoseconds) { ready = now }

    /// Takes a start that is wanted at `now`, since there is no worker any more.
    ///
    /// - Returns: how long to wait before it; a pause if `pauses` has gone up.
    mutating func take(at now: Nanoseconds) -> Nanoseconds {
        if let ready, now - ready >= span { pauses = 0 }
        ready = nil
        starts.removeAll { now - $0 >= span }
        guard pauses == 0, starts.count < limit else {
            pauses += 1
            return min(Nanoseconds(firstPause.rawValue << Int64(min(pauses - 1, 20))), WorkerLimits.longestPause)
        }
        defer { starts.append(now) }
        return Nanoseconds(WorkerLimits.firstDelay.rawValue << Int64(starts.count))
    }
}
