import DarisConfiguration
import DarisCore
import ONNXRuntime

/// A device that task sets can name: besides running stages, it answers what preparation asks before there is one, and
/// loads itself.
///
/// A new device is one type that conforms to this, its row in `DeviceKind.all`, by which task sets are read, and its entry
/// in `MachineDevice.types`: preparation, runs, servers and worker processes ask the type. For `isolation: process` it
/// implements `loadPart` as well.
protocol NamedDevice: Device {
    /// Its row among the kinds of devices.
    static var kind: DeviceKind { get }

    /// Into how many stages a model is cut under `stages: auto`; `nil` for as many as its tasks' periods ask for.
    static var automaticStages: Int? { get }

    /// What the times of stages depend on besides the models, where models are cut by times that are measured on it; `nil` where
    /// they are cut by a CPU's.
    static func cuttingFingerprint(_ taskSet: TaskSet) -> String?

    /// Whether jobs of a task set can run a stage together on it.
    static func runsBatches(_ taskSet: TaskSet) -> Bool

    /// What the user should know of what this process may use of it.
    static func notes(on rights: SystemRights) -> [String]

    /// With how many threads nodes are timed where models are cut.
    static func cuttingThreads(_ partition: Partition, processors: Int) -> Int

    /// How it is cut for a folder of models, of which nothing is known.
    static func servingPartition(processors: Int) -> Partition

    /// Finds out whether it can be used as a task set wants it, before anything takes time.
    static func check(_ taskSet: TaskSet, environment: Environment) throws(PreparationError)

    /// Loads a task set's models, in this process or in workers.
    static func load(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice

    /// Loads one context's part in a worker process that `load` has started.
    static func loadPart(
        _ specification: WorkerSpecification, hosting: Hosting, progress: @escaping StepHandler
    ) throws(PreparationError) -> WorkerPart
}

/// What suits a device that the CPU's cores say nothing of.
extension NamedDevice {
    static var automaticStages: Int? { nil }

    static func cuttingFingerprint(_ taskSet: TaskSet) -> String? { nil }

    static func runsBatches(_ taskSet: TaskSet) -> Bool { false }

    static func notes(on rights: SystemRights) -> [String] { [] }

    /// One, so that a model is cut in the same places for every partition.
    static func cuttingThreads(_ partition: Partition, processors: Int) -> Int { 1 }

    static func servingPartition(processors: Int) -> Partition {
        Partition(contexts: 1, streams: 1, oversubscription: 1)
    }

    static func check(_ taskSet: TaskSet, environment: Environment) throws(PreparationError) {}

    static func loadPart(
        _ specification: WorkerSpecification, hosting: Hosting, progress: @escaping StepHandler
    ) throws(PreparationError) -> WorkerPart {
        throw .device(name: kind.name, reason: "it does not run in worker processes; leave 'isolation' out")
    }
}

/// What a device is asked to load.
struct LoadRequest: Sendable {
    var taskSet: TaskSet
    var tasks: [DeviceTask]
    var models: [StagedModel]
    var environment: Environment
    /// The processors that this process may use.
    var processors: [Int]
    /// A SCHED_FIFO priority for the device's threads, or 0.
    var fifoPriority = 0
    var options = Preparation.Options()

    var partition: Partition { taskSet.partition }
    /// Where a device may keep what it compiles.
    var cache: CacheFolder { options.cache ?? .standard(isFresh: options.fresh) }

    /// By task as the device has them: whether its stages make way for HP. Empty where none does, as without express lanes.
    var makesWay: [Bool] { partition.express > 0 ? taskSet.instancePriorities.map { $0 == .low } : [] }

    /// The program that worker processes run.
    func workerProgram() throws(PreparationError) -> String {
        do throws(DeviceError) { return try WorkerExecutable.find(options.workerExecutable) } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
    }
}

/// A device with the models of a task set, and what a plan says of it.
struct LoadedDevice {
    var device: MachineDevice
    /// What it is called.
    var name: String
    /// What a context has its share of: cores, SMs.
    var unitName: String
    /// How many of these there are.
    var units: Int
    var kind: PartitionKind
    /// The units of each context, by number; empty where only their number is known.
    var contextUnits: [[Int]]
    /// How many units a context has, where it is not the number of `contextUnits`.
    var quota: Int?
    /// What measured times depend on besides the models: how the device is cut.
    var fingerprint: String
    /// Of each different task.
    var shapes: [DeviceTask: TensorShapes]
    /// Whether jobs of different tasks could run together there, if their models allow it.
    var runsBatches = false
    var notes: [String] = []
}

/// The device of this machine that a task set names, whichever it is, as one type: an executor is made for it once.
package struct MachineDevice: Device {
    /// The devices that task sets can name.
    static let types: [any NamedDevice.Type] = [CPUDevice.self, CUDADevice.self]

    /// What runs the stages: one of the `types`, or worker processes that hold one.
    let base: any Device

    init(_ base: any Device) { self.base = base }

    /// The type of the device that a task set names.
    static func type(
        of device: String, among types: [any NamedDevice.Type] = types
    ) throws(PreparationError) -> any NamedDevice.Type {
        guard let type = types.first(where: { $0.kind.index(of: device) != nil }) else {
            let known = types.map { $0.kind.name }.joined(separator: ", ")
            throw .device(name: device, reason: "there is no such device; use one of \(known)")
        }
        return type
    }

    /// How many lanes there are.
    package var laneCount: Int { base.laneCount }

    /// The lanes that are not express lanes.
    package var ordinaryLanes: [Int] { base.ordinaryLanes }

    /// What the bytes of each input and output of a task's model must be.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        base.tensorSizes(of: task)
    }

    /// Says whom to tell of the ends of stages.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { base.setHandler(handler) }

    /// Says whom to tell of contexts that are lost and come back.
    package func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        base.setContextHandler(handler)
    }

    /// The processors of the machine that a context's stages run on.
    package func processors(of context: Int) -> [Int] { base.processors(of: context) }

    /// How many jobs can run a stage together with one of a task.
    package func batchSizes(of task: Int) -> [Int] { base.batchSizes(of: task) }

    /// Whether LP stages make way for HP where they can.
    package func setMakingWay(_ isOn: Bool) { base.setMakingWay(isOn) }

    /// Hands a stage of one or more jobs to an idle lane.
    package func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) { base.hand(dispatch, tensors: tensors) }

    /// Wakes a lane that has been handed a stage.
    package func wake(lane: Int) { base.wake(lane: lane) }

    /// Makes running stages end early with an error, where the device can.
    package func terminateRunningStages() { base.terminateRunningStages() }

    /// Makes the stage that runs on a lane end early.
    package func terminate(lane: Int) -> Bool { base.terminate(lane: lane) }

    /// Ends all threads; no stage is running.
    package func shutDown() { base.shutDown() }

    /// Whether `shutDown` ends even a stage that hangs.
    package var canShutDownWhileHanging: Bool { base.canShutDownWhileHanging }

    /// What became of the device on the way.
    package var notes: [String] { base.notes }

    /// The energy that the device has used so far, if it counts it.
    package func energy() -> EnergyReading? { base.energy() }
}
