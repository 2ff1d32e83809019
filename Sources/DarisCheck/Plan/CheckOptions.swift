internal import DarisConfiguration
public import DarisCore
public import DarisRuntime

/// What a check is to do.
public struct CheckOptions: Sendable {
    /// The device: `cuda`, `cuda:1`, or `cpu` for a rehearsal.
    public var device = "cuda"
    /// How long it may take, in minutes.
    public var minutes = 8.0
    /// The folder for its results.
    public var folder = "gpu-check"
    /// The networks.
    public var networks = CheckNetwork.builtins
    /// How contexts may get their SMs in steps 6 and 7.
    public var kinds: [PartitionKind] = [.streams, .green, .mps]
    /// Where built networks and cuts are kept.
    public var cache = CacheFolder.standard()
    /// The version of Daris.
    public var version = ""
    /// Told of each measurement, in a line.
    public var progress: @Sendable (String) -> Void = { _ in }
    /// Told of what lasts within a measurement, in a line that the next one may replace.
    public var detail: StepHandler = { _ in }

    /// The defaults.
    public init() {}

    /// Whether it is a rehearsal on a CPU.
    public var isRehearsal: Bool { device == "cpu" }

    /// The number of the GPU; 0 in a rehearsal.
    var gpu: Int { TaskSet.gpuIndex(of: device) ?? 0 }

    /// Whether the device runs several jobs in one launch, so that partitions are measured both ways.
    var batches: Bool { !isRehearsal }

    /// How long a failure under MPS takes that counts as a hang: the limit of each of MPS's own programs.
    static let hang = Nanoseconds.seconds(Int64(15))
    /// How long a worker process may take until it is ready.
    static let workerStart = Nanoseconds.seconds(Int64(40))
    /// How long after its time a check of a GPU may still run before it counts as hanging.
    public static let grace = Nanoseconds.seconds(Int64(60))

    /// The kinds of partitions that the device can have.
    var usableKinds: [PartitionKind] { isRehearsal ? [.cores] : kinds }
}
