import DarisCore
import Glibc
import Synchronization

@testable import DarisRuntime

/// A device whose stages end when the test says so, on the test's own thread.
final class ManualDevice: Device {
    /// A stage that was launched.
    struct Launch: Sendable {
        var job: JobID
        var stage: Int
        var lane: Int
        var io: JobTensors?
        /// The thread that launched it.
        var thread: UInt
    }

    private struct State {
        var handler: @Sendable (StageEnd) -> Void = { _ in }
        var contextHandler: @Sendable (ContextChange) -> Void = { _ in }
        var busy: Set<Int> = []
        var terminations = 0
        var violations: [String] = []
        var energy: EnergyReading?
    }

    let laneCount: Int
    private let inputSizes: [TensorSize]
    private let outputSizes: [TensorSize]
    private let state = Mutex(State())
    /// Every launch, in order.
    let launches = Journal<Launch>()
    /// One entry for each call of `terminateRunningStages`.
    let terminations = Journal<Void>()

    init(lanes: Int, inputSizes: [TensorSize] = [.bytes(4)], outputSizes: [TensorSize] = [.bytes(4)]) {
        laneCount = lanes
        self.inputSizes = inputSizes
        self.outputSizes = outputSizes
    }

    static var thisThread: UInt { UInt(pthread_self()) }

    /// What was asked of the device that no device can do.
    var violations: [String] { state.withLock(\.violations) }

    func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { (inputSizes, outputSizes) }

    func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) {
        state.withLock { state in
            if !state.busy.isEmpty { state.violations.append("the handler was set while stages ran") }
            state.handler = handler
        }
    }

    func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        state.withLock { $0.contextHandler = handler }
    }

    func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        let (job, stage, lane) = (dispatch.jobs[0], dispatch.stage, dispatch.lane)
        state.withLock { state in
            if !state.busy.insert(lane).inserted { state.violations.append("lane \(lane) was given two stages") }
        }
        launches.append(Launch(job: job, stage: stage, lane: lane, io: tensors.first ?? nil, thread: Self.thisThread))
    }

    /// What the device says of its energy from now on.
    func setEnergy(_ reading: EnergyReading?) { state.withLock { $0.energy = reading } }

    func energy() -> EnergyReading? { state.withLock(\.energy) }

    func terminateRunningStages() { terminations.append(()) }

    /// The lanes whose stages were told to end.
    let terminatedLanes = Journal<Int>()

    func terminate(lane: Int) -> Bool {
        terminatedLanes.append(lane)
        return true
    }

    func shutDown() {}

    /// Ends a stage, now, on this thread.
    func end(_ launch: Launch, time: Nanoseconds = .microseconds(100), output: [[UInt8]]? = nil, error: String? = nil) {
        end(launch, time: time, output: output, error: error.map { DeviceError($0) })
    }

    func end(
        _ launch: Launch, time: Nanoseconds = .microseconds(100), output: [[UInt8]]? = nil, error: DeviceError?
    ) {
        let handler = state.withLock { state in
            if state.busy.remove(launch.lane) == nil { state.violations.append("a stage ended that did not run") }
            return state.handler
        }
        if let output { launch.io?.outputs = output }
        handler(
            StageEnd(
                lane: launch.lane, job: launch.job, stage: launch.stage, executionTime: time,
                error: error))
    }

    /// Loses a context, or has it back, now, on this thread.
    func change(_ change: ContextChange) {
        let handler = state.withLock { $0.contextHandler }
        handler(change)
    }

    /// Ends the `count`-th launch, counted from 1, as soon as there is one.
    @discardableResult
    func endLaunch(_ count: Int, output: [[UInt8]]? = nil, error: String? = nil) async -> Launch {
        let launch = await launches.first(count)[count - 1]
        end(launch, output: output, error: error)
        return launch
    }
}
