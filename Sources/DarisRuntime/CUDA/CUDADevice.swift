import CUDADriver
import DarisCore
import ONNXRuntime
import Synchronization

/// An NVIDIA GPU as a device: contexts are streams or green contexts of one process; under MPS each is a worker with a
/// device of this kind.
///
/// A stage is captured once a lane and batch size into a CUDA graph, and a launch replays it between copies to and from the
/// lane's fixed tensors (`TensorLayout`). One thread polls for ends, and each lane has one for what takes the host long, such
/// as copying large inputs and outputs. A stage's execution time is what the device says between two events. A job may run
/// any of its stages on any lane of its context, and jobs of its task on any context, since every lane has every stage
/// loaded: migration moves nothing. Jobs that go on where they are do not copy what they find there (`LaneContents`). An express lane is a stream of the highest priority in the same context, with the models of
/// HP tasks alone.
package final class CUDADevice: Device {
    /// How many lanes there are, context by context.
    package let laneCount: Int
    private let partition: Partition
    /// The SMs of each context.
    package let units: [[Int]]

    /// A task: its memory, and which of a lane's programs it runs.
    struct Task: Sendable {
        var isHighPriority: Bool
        var memory: TaskMemory
        var program: Int
        /// The programs that run several jobs of it, and of tasks like it, together.
        var batches: [Batch]
    }

    /// A program for several jobs.
    struct Batch: Sendable {
        var jobs: Int
        var program: Int
    }

    private let tasks: [Task]
    private let lanes: [CUDALane]
    /// By lane, then by model and batch size, then by stage.
    private let programs: [[[LaneProgram]]]
    /// Uncontended while a scheduler launches, which does so under a lock of its own.
    private let contents: Mutex<LaneContents>
    private let batchesStayTogether: Bool
    private let poller: CUDAPoller
    private let handler: Handler
    private let meter: EnergyMeter?

    /// Whom to tell of ends. Set while no stage runs, read by the poller.
    private final class Handler: @unchecked Sendable {
        var call: @Sendable (StageEnd) -> Void = { _ in }
    }

    /// Lanes, programs and memory, ready to run.
    struct Parts {
        var tasks: [Task]
        var lanes: [CUDALane]
        var programs: [[[LaneProgram]]]
        var units: [[Int]]
        /// Which of the lanes are express lanes.
        var partition: Partition
        /// What the user should know: stages that could not be captured, quotas that were rounded.
        var notes: [String]
        var fifoPriority: Int
        /// Whether batches are expected to go on together from stage to stage.
        var batchesStayTogether = false
    }

    /// Starts the poller and the lanes' threads.
    ///
    /// - Parameter meter: of this GPU; `nil` in a worker, whose owner has it.
    init(_ parts: Parts, meter: EnergyMeter? = nil) {
        self.meter = meter
        tasks = parts.tasks
        lanes = parts.lanes
        programs = parts.programs
        units = parts.units
        laneCount = parts.lanes.count
        partition = parts.partition
        batchesStayTogether = parts.batchesStayTogether
        contents = Mutex(
            LaneContents(lanes: parts.lanes, memories: parts.tasks.map(\.memory), programs: parts.programs))
        let handler = Handler()
        self.handler = handler
        poller = CUDAPoller(parts.lanes) { handler.call($0) }
        poller.start(.init(name: "daris-poll", fifoPriority: parts.fifoPriority))
        for lane in lanes {
            lane.startThread(
                .init(name: "daris-\(lane.index)", fifoPriority: parts.fifoPriority), hasNeighbours: laneCount > 1)
        }
    }

    /// The lanes that are not express lanes.
    package var ordinaryLanes: [Int] { (0..<laneCount).filter { !partition.isExpress($0) } }

    /// The bytes of each input and output of a task's model, in the order of its graph.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        let layout = tasks[task].memory.layout
        return (layout.inputs.map { .bytes($0.bytes) }, layout.outputs.map { .bytes($0.bytes) })
    }

    /// Says whom to tell of the ends of stages, while none runs.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { self.handler.call = handler }

    /// Asks the GPU whether its context is still there, where no stage in flight will tell.
    func checkContext() throws(DeviceError) {
        guard poller.isIdle, let context = lanes.first?.context else { return }
        try cuda { () throws(CUDAError) in try context.synchronize() }
    }

    /// How many jobs can run a stage together with one of a task.
    package func batchSizes(of task: Int) -> [Int] { tasks[task].batches.map(\.jobs) }

    /// Puts a stage of one or more jobs on the stream of an idle lane.
    package func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        let (jobs, task) = (dispatch.jobs, tasks[dispatch.jobs.instance(at: 0)])
        guard
            let program = jobs.count == 1 ? task.program : task.batches.first(where: { $0.jobs == jobs.count })?.program
        else { preconditionFailure("\(jobs.count) jobs are not a size of batch of task \(jobs[0].task)") }
        let leaves = batchesStayTogether && jobs.count > 1 && !partition.isExpress(dispatch.lane)
        let start = contents.withLock { $0.begin(dispatch, program: program, leavingResults: leaves) }
        poller.watch()
        lanes[dispatch.lane].launch(
            .init(
                job: jobs[0], stage: dispatch.stage, io: tensors.first ?? nil, isHighPriority: task.isHighPriority,
                program: programs[dispatch.lane][program][dispatch.stage], memory: task.memory,
                others: jobs.indices.dropFirst().map { place in
                    .init(io: tensors.isEmpty ? nil : tensors[place], memory: tasks[jobs.instance(at: place)].memory)
                }, followsAtOnce: poller.isTelling(ofLane: dispatch.lane), heldSince: start.heldSince,
                leavesResults: leaves, obstacle: start.obstacle))
    }

    /// The copies of tensors between stages so far.
    var copies: LaneContents.Copies { contents.withLock { $0.copies } }

    /// How many copies were left out, if any were.
    package var notes: [String] {
        let copies = copies
        guard copies.leftOut > 0 else { return [] }
        return [
            "\(copies.leftOut) of \(copies.leftOut + copies.made) copies of tensors between stages were left out, since "
                + "their jobs went on where they were"
        ]
    }

    /// Work on a GPU's stream runs to its end; nothing can be done.
    package func terminateRunningStages() {}

    /// What NVML says of the energy of the whole GPU.
    package func energy() -> EnergyReading? { meter?.reading }

    /// Ends all threads and releases what the GPU holds; no stage is running.
    package func shutDown() {
        poller.stop()
        for lane in lanes { lane.stop() }
    }

    // Not `shutDown`, which waits: the poller may be the one that lets go of the device.
    deinit {
        poller.end()
        for lane in lanes { lane.endThread() }
    }
}

extension EnergyMeter {
    /// The energy used and the power drawn; `nil` if the GPU does not count its energy.
    var reading: EnergyReading? { joules.map { EnergyReading(joules: $0, watts: watts) } }
}
