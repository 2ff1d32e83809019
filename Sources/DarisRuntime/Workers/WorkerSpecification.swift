import DarisCore

/// What a worker process is to be, as its parent tells it: one context of a device, with the tasks of all contexts.
struct WorkerSpecification: Codable, Sendable {
    /// The device that a worker holds; it has one context there.
    enum Kind: Codable, Sendable, Hashable {
        /// These cores.
        case cpu(cores: [Int])
        /// A GPU, of which the process has one context; under MPS the environment says of how many SMs.
        case gpu(GPUSetup)
    }

    /// Goes up whenever the two sides would not understand each other.
    static let currentVersion = 4

    var version = currentVersion
    /// Which context it is, for names of threads.
    var context: Int
    var device: Kind
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
