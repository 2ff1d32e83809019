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

    /// The program that worker processes run.
    func workerProgram() throws(PreparationError) -> String {
        do throws(DeviceError) { return try WorkerExecutable.find(options.workerExecutable) } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
    }
}
