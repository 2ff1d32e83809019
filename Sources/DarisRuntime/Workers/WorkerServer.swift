import CDarisSystem
import DarisCore
import Synchronization

/// The lanes of a worker: each has a thread that waits in shared memory for a stage and hands it to the device, whose
/// handler writes the end back. A lane whose stages may make way has a second thread for those.
final class WorkerServer<D: Device>: Sendable {
    private let device: D
    private let memory: SharedMemory
    private let lanes: [Lane]
    private let whenLost: @Sendable (DeviceError) -> Void
    private let threads = Mutex<[DedicatedThread]>([])
    private let isTerminating = Mutex(false)
    private let hasTerminated = Atomic<Bool>(false)

    /// What a lane's thread and the device's handler hand to each other with each stage.
    private final class Lane: @unchecked Sendable {
        // Unchecked: written by the lane's thread before a launch, by the handler at its end, never both at once.
        var sequence: UInt32 = 0
        var followsEnd = false
        var lastEnd: Int64 = 0
    }

    /// - Parameter whenLost: called after the end of a stage that lost the device has been told.
    init(
        _ device: D, memory: SharedMemory, lanes count: Int, whenLost: @escaping @Sendable (DeviceError) -> Void
    ) {
        self.whenLost = whenLost
        self.device = device
        self.memory = memory
        lanes = (0..<count).map { _ in Lane() }
    }

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - lowLanes: how many lanes, the first ones, have stages that make way.
    ///   - attributes: of a lane's thread, or of its thread that makes way.
    func start(
        lowLanes: Int = 0, _ attributes: (Int, _ makesWay: Bool) -> DedicatedThread.Attributes
    ) throws(DeviceError) {
        device.setHandler { self.ended($0) }
        try threads.withLock { threads throws(DeviceError) in
            for lane in lanes.indices {
                threads.append(try DedicatedThread(attributes(lane, false)) { self.serve(lane, makingWay: false) })
                guard lane < lowLanes else { continue }
                threads.append(try DedicatedThread(attributes(lane, true)) { self.serve(lane, makingWay: true) })
            }
        }
    }

    /// Has the device terminate its stages, or takes that back, as the shared memory says.
    func heedTermination() {
        isTerminating.withLock { isTerminating in
            let wanted = daris_load(memory.termination) == 1
            guard wanted != isTerminating else { return }
            isTerminating = wanted
            if wanted { device.terminateRunningStages() } else { device.setHandler { self.ended($0) } }
            hasTerminated.store(wanted, ordering: .relaxed)
        }
    }

    private func serve(_ lane: Int, makingWay: Bool) {
        let slot = memory.slot(lane)
        let bell = slot.bell(makingWay: makingWay)
        var last: UInt32 = 0
        while true {
            let sequence = daris_load(bell.commanded)
            if sequence == last {
                daris_store(bell.workerSleeps, 1)
                daris_wait_for_change(bell.commanded, last)
                daris_store(bell.workerSleeps, 0)
                continue
            }
            last = sequence
            if (daris_load(memory.termination) == 1) != hasTerminated.load(ordering: .relaxed) { heedTermination() }
            let command = slot.command
            lanes[lane].sequence = sequence
            lanes[lane].followsEnd = command.followsEnd
            let job = Dispatch.Member(command.job, instance: command.instance)
            device.launch(Dispatch(stage: command.stage, lane: lane, job: job), tensors: [])
        }
    }

    private func ended(_ end: StageEnd) {
        let lane = lanes[end.lane]
        let now = daris_monotonic_nanoseconds()
        let handover = lane.followsEnd ? max(0, now - end.executionTime.rawValue - lane.lastEnd) : nil
        lane.lastEnd = now
        let slot = memory.slot(end.lane)
        slot.write(
            .init(
                executionTime: end.executionTime, handover: end.handover ?? handover.map { Nanoseconds($0) },
                error: end.error?.description), sequence: lane.sequence)
        daris_increment(slot.changes)
        if daris_load(slot.parentSleeps) != 0 { daris_wake(slot.changes) }
        if let error = end.error, error.losesDevice { whenLost(error) }
    }
}
