import DarisConfiguration
import DarisCore
import Foundation
import ONNXRuntime

/// What a worker process is to be, as its parent tells it: one context of a device, with the tasks of all contexts.
struct WorkerSpecification: Codable, Sendable {
    /// The device that a worker holds; it has one context there.
    struct Held: Codable, Sendable, Hashable {
        /// The name of its kind.
        let kind: String
        /// What its type is told, which alone reads it.
        private let setup: Data

        init(_ kind: DeviceKind, _ setup: some Encodable) throws(PreparationError) {
            self.kind = kind.name
            do { self.setup = try JSONEncoder().encode(setup) } catch {
                throw .device(name: kind.name, reason: "\(error)")
            }
        }

        /// What its type has been told.
        func setup<Setup: Decodable>(as type: Setup.Type) throws(PreparationError) -> Setup {
            do { return try JSONDecoder().decode(type, from: setup) } catch {
                throw .device(name: kind, reason: "\(error)")
            }
        }
    }

    /// Goes up whenever the two sides would not understand each other.
    static let currentVersion = 5

    var version = currentVersion
    /// Which context it is, for names of threads.
    var context: Int
    var device: Held
    /// The one context.
    var partition: Partition
    /// By task, whether its stages run on a thread that makes way for others; empty if none does.
    var makesWay: [Bool] = []
    var tasks: [DeviceTask]
    var models: [StagedModel]
    /// Of the tensors that periodic jobs run on.
    var seed: UInt64
    /// A SCHED_FIFO priority for the lanes, or 0.
    var fifoPriority: Int
    /// Whether to keep the process's memory from being paged out.
    var locksMemory: Bool
    /// ONNX Runtime's file.
    var library: String
    /// What an earlier worker found out about the shapes of tasks.
    var shapes: [KnownShapes] = []

    /// The shapes of a task's tensors.
    struct KnownShapes: Codable, Sendable {
        var task: DeviceTask
        var shapes: TensorShapes
    }
}

extension WorkerSpecification {
    /// One context of what a device is asked to load.
    init(context: Int, device: Held, makesWay: [Bool] = [], _ request: LoadRequest) {
        var partition = request.partition
        (partition.contexts, partition.oversubscription) = (1, 1)
        self.init(
            context: context, device: device, partition: partition, makesWay: makesWay, tasks: request.tasks,
            models: request.models,
            seed: request.taskSet.run.seed, fifoPriority: request.fifoPriority,
            locksMemory: request.options.realTime, library: request.environment.library.path)
    }

    /// The lanes of the context, express lanes too.
    var laneCount: Int { partition.laneCount }

    /// Whether a task's stages make way.
    func makesWay(_ task: Int) -> Bool { !makesWay.isEmpty && makesWay[task] }

    /// The parent's ONNX Runtime, in the worker.
    func openEnvironment() throws(PreparationError) -> ONNXRuntime.Environment {
        do {
            let search = LibrarySearch(override: library)
            return try Environment(library: try ONNXRuntimeLibrary.open(searching: search), severity: .fatal)
        } catch {
            throw .noRuntime(error)
        }
    }
}

/// What a worker process has loaded, and what is to be done for it while it serves.
struct WorkerPart {
    var device: any Device
    /// Where its lanes' threads run.
    var processors: [Int]
    /// Asks the device, now and then, whether it is still there.
    var check: () throws(DeviceError) -> Void = {}
    /// Called before the process ends.
    var settle: () -> Void = {}
}

/// The bounds of everything that a worker process may take or say.
enum WorkerLimits {
    /// How long a worker may take from its start until it is ready, if not told otherwise.
    static let start = Nanoseconds.seconds(Int64(120))
    /// How long a worker may take to end when it is told to; then it is killed.
    static let stop = Nanoseconds.seconds(Int64(2))
    /// How long a worker that is told to end waits for what its device still does.
    static let settling = Nanoseconds.seconds(Int64(1))
    /// How often an idle worker asks whether its device is still there.
    static let checkInterval = Nanoseconds.milliseconds(500)
    /// How long a worker waits for an MPS server that is not ready for it.
    static let patience = Duration.seconds(20)
    /// The starts in a minute before a context is given up for a pause.
    static let startsPerMinute = 5
    /// How long the first start again waits; each one within the same minute waits twice as long as the one before.
    static let firstDelay = Nanoseconds.milliseconds(20)
    /// How long the first pause of a context is that has been given up; each one after it is twice as long.
    static let firstPause = Nanoseconds.seconds(Int64(1))
    /// How long a pause may become.
    static let longestPause = Nanoseconds.seconds(Int64(300))
    /// The pauses in a row after which a context that must be given up once more counts as one that will not come back.
    static let pausesBeforeEnd = 4
    /// Between failing the launches on a lost context and looking for the next ones.
    static let failurePause = Nanoseconds.milliseconds(1)
    /// The largest message of a worker, in bytes: 16 MiB.
    static let messageBytes = 16 << 20
    /// The largest specification of a worker, in bytes: 256 MiB.
    static let specificationBytes = 256 << 20
    /// The most memory that a worker may share, in bytes: 1 TiB.
    static let sharedBytes = 1 << 40
    /// The most bytes that the strings of one tensor may have together, their lengths included: 1 MiB.
    static let stringBytes = 1 << 20
    /// The longest words for a failed stage, in bytes; the rest is cut off.
    static let errorBytes = 768
    /// The longest execution time or hand-over that is believed.
    static let longestTime = Nanoseconds.seconds(Int64(86_400))
}
