import DarisCore
import ONNXRuntime

/// What runs stages: a CPU, a GPU. The executor asks no more of an accelerator than this; one that task sets can name
/// conforms to `NamedDevice`.
///
/// A device has been given its tasks when it is made, one for each job that may be in flight (for each instance of each task
/// of a task set, in their order); it holds their models, ready to run on every lane, and tensors for each. It runs at most
/// one stage a lane, which its caller sees to.
package protocol Device: Sendable {
    /// How many lanes there are, context by context, express lanes last in each.
    var laneCount: Int { get }

    /// The lanes that are not express lanes.
    var ordinaryLanes: [Int] { get }

    /// The processors of the machine that a context's stages run on; empty if none are set apart for them.
    func processors(of context: Int) -> [Int]

    /// What the bytes of each input and output of a task's model must be, in the order of its graph, at the task's batch
    /// size.
    func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize])

    /// Says whom to tell of the ends of stages. Called while no stage runs; takes `terminateRunningStages` back.
    ///
    /// The handler is called on the thread that saw the end, once for each launch, and may launch again from there.
    func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void)

    /// Says whom to tell of contexts that are lost and come back, where that can happen. Called while no stage runs.
    ///
    /// The handler is called before the ends of the stages that a lost context was running, which follow as failed.
    func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void)

    /// How many jobs can run a stage together with one of a task, where the others are of tasks of the same model and batch
    /// size: at least 2 each, the smallest first; empty if none can.
    func batchSizes(of task: Int) -> [Int]

    /// Whether LP stages make way for HP where they can, as they do at first. Called while no stage runs.
    func setMakingWay(_ isOn: Bool)

    /// Hands a stage of one or more jobs to an idle lane and returns at once; it starts at the latest when the lane is woken. Its
    /// end names the first of the jobs.
    ///
    /// - Parameters:
    ///   - dispatch: one job, or as many as one of the `batchSizes` of the first.
    ///   - tensors: those of each job, copied in before the first stage and out after the last; `nil` for a periodic job, which
    ///     runs on its task's own tensors. Empty if all are periodic.
    func hand(_ dispatch: Dispatch, tensors: [JobTensors?])

    /// Wakes a lane that has been handed a stage. The lane may take the processor from the thread that calls this, which must hold
    /// no lock.
    func wake(lane: Int)

    /// Makes running stages, and those launched later, end early with an error, where the device can.
    func terminateRunningStages()

    /// Makes the stage that runs on a lane end early with an error.
    ///
    /// - Returns: whether the device can.
    func terminate(lane: Int) -> Bool

    /// Ends all threads; no stage is running.
    func shutDown()

    /// Whether `shutDown` ends even a stage that hangs.
    var canShutDownWhileHanging: Bool { get }

    /// What became of the device on the way, in words, where that is worth a line.
    var notes: [String] { get }

    /// The device as one whose models come and go while it runs; `nil` if they do not.
    var changing: (any ChangingDevice)? { get }

    /// The energy that the whole device has used so far and the power that it draws now; `nil` if it does not count them. May
    /// take a millisecond, so it is never asked for under a lock of the executor.
    func energy() -> EnergyReading?
}

extension Device {
    /// Most devices lose no context without losing all.
    package func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {}

    /// Most devices have none but ordinary lanes.
    package var ordinaryLanes: [Int] { Array(0..<laneCount) }

    /// Most devices are no processors.
    package func processors(of context: Int) -> [Int] { [] }

    /// Most devices run jobs one by one.
    package func batchSizes(of task: Int) -> [Int] { [] }

    /// Threads, which most devices have, cannot be ended from outside.
    package var canShutDownWhileHanging: Bool { false }

    /// Most devices are what they were.
    package var notes: [String] { [] }

    /// Most devices run a stage to its end.
    package func terminate(lane: Int) -> Bool { false }
    /// Most devices have the models that they were made with.
    package var changing: (any ChangingDevice)? { nil }

    /// Most devices do not count energy.
    package func energy() -> EnergyReading? { nil }

    /// Most devices run LP and HP alike, or decide by themselves.
    package func setMakingWay(_ isOn: Bool) {}

    /// Most devices start what they are handed.
    package func wake(lane: Int) {}

    /// Starts a stage of one or more jobs on an idle lane.
    package func launch(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        hand(dispatch, tensors: tensors)
        wake(lane: dispatch.lane)
    }

    /// Starts a stage of one job.
    func launch(_ job: JobID, stage: Int, lane: Int, io: JobTensors? = nil) {
        launch(Dispatch(stage: stage, lane: lane, job: job), tensors: io.map { [$0] } ?? [])
    }
}

/// What a device says of the energy that it uses.
package struct EnergyReading: Hashable, Sendable {
    /// The energy used since some time in the past, in J.
    package var joules: Double
    /// The power drawn now, in W, if the device says so.
    package var watts: Double?

    /// A reading.
    package init(joules: Double, watts: Double? = nil) {
        self.joules = joules
        self.watts = watts
    }
}

/// What has become of a context.
package enum ContextChange: Sendable {
    /// It runs nothing any more, for this reason.
    case lost(Int, DeviceError)
    /// It is back, with idle lanes.
    case restored(Int)
    /// All are lost, and none is expected to come back, for this reason.
    case abandoned(DeviceError)
}

/// The end of a stage, as the device saw it.
package struct StageEnd: Sendable {
    /// The lane it ran on.
    package var lane: Int
    /// The first job of its dispatch.
    package var job: JobID
    /// Its number in the job.
    package var stage: Int
    /// Its execution time on the device.
    package var executionTime: Nanoseconds
    /// The lane's idle time before it, if it was launched from the end of the lane's stage before; else `nil`.
    package var handover: Nanoseconds?
    /// What went wrong, if it failed.
    package var error: DeviceError?

    /// The end of a stage.
    package init(
        lane: Int, job: JobID, stage: Int, executionTime: Nanoseconds, handover: Nanoseconds? = nil,
        error: DeviceError? = nil
    ) {
        self.lane = lane
        self.job = job
        self.stage = stage
        self.executionTime = executionTime
        self.handover = handover
        self.error = error
    }
}

/// A task as a device sees it.
package struct DeviceTask: Sendable, Hashable, Codable {
    /// Index of its model.
    package var model: Int
    /// Inferences a job.
    package var batch: Int

    /// A task that runs a model.
    package init(model: Int, batch: Int) {
        self.model = model
        self.batch = batch
    }
}

/// What the bytes of an input or output must be.
package enum TensorSize: Hashable, Sendable {
    /// Always so many.
    case bytes(Int)
    /// So many strings, as ``EncodedStrings`` has them, of at most `limit` bytes together, their lengths included.
    case strings(count: Int, limit: Int = largestStrings)

    /// The most bytes that the strings of one input may have together, their lengths included, where all is one process.
    package static let largestStrings = 64 << 20

    init(_ tensor: Tensor) {
        self = tensor.elementType == .string ? .strings(count: tensor.elementCount) : .bytes(tensor.byteCount)
    }

    /// The number of bytes, or `nil` if it is not fixed.
    package var byteCount: Int? {
        if case .bytes(let count) = self { count } else { nil }
    }

    /// Why these bytes are none of such an input, in words that follow its name; `nil` if they are.
    func problem(of bytes: [UInt8]) -> String? {
        switch self {
        case .bytes(let count):
            return bytes.count == count ? nil : "has \(count) bytes, not \(bytes.count)"
        case .strings(let count, let limit):
            guard bytes.count <= limit else {
                return "has \(bytes.count) bytes of strings; \(limit) are the most"
                    + (limit < Self.largestStrings ? " under 'isolation: process'" : "")
            }
            guard let found = EncodedStrings.count(bytes) else {
                return "breaks off within a string: each has its length before it, in 4 bytes, little-endian"
            }
            return found == count ? nil : "has \(count) strings, not \(found)"
        }
    }
}

/// What a device, a thread or a process of Daris could not do.
package enum DeviceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// This did not work; the device runs other stages.
    case failed(String)
    /// Everything else in this process fails on the device from now on.
    case lost(String)
    /// The stage ran for too long, and was ended.
    case overrun(String)

    /// An error in the device's words.
    package init(_ description: String, losesDevice: Bool = false) {
        self = losesDevice ? .lost(description) : .failed(description)
    }

    /// The device's own words.
    package var description: String {
        switch self {
        case .failed(let words), .lost(let words), .overrun(let words): words
        }
    }

    /// Whether everything else in this process fails on the device from now on.
    package var losesDevice: Bool {
        if case .lost = self { true } else { false }
    }
}
