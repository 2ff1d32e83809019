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
    static let currentVersion = 4

    var version = currentVersion
    /// Which context it is, for names of threads.
    var context: Int
    var device: Held
    var streams: Int
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
    init(context: Int, device: Held, streams: Int, _ request: LoadRequest) {
        self.init(
            context: context, device: device, streams: streams, tasks: request.tasks, models: request.models,
            seed: request.taskSet.run.seed, fifoPriority: request.fifoPriority,
            locksMemory: request.options.realTime, library: request.environment.library.path)
    }

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
