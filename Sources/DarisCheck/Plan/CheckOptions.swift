import DarisConfiguration
import DarisCore
import DarisRuntime

/// What a check is to do.
package struct CheckOptions: Sendable {
    /// The device: `cuda`, `cuda:1`, or `cpu` for a rehearsal.
    package var device = DeviceKind.cuda.name
    /// How long it may take, in minutes.
    package var minutes = 8.0
    /// The folder for its results.
    package var folder = "gpu-check"
    /// The networks.
    package var networks = CheckNetwork.builtins
    /// How contexts may get their SMs in steps 6 and 7.
    package var kinds: [PartitionKind] = [.streams, .green, .mps]
    /// Where built networks and cuts are kept.
    package var cache = CacheFolder.standard()
    /// The version of Daris.
    package var version = ""
    /// Told of each measurement, in a line.
    package var progress: @Sendable (String) -> Void = { _ in }
    /// Told of what lasts within a measurement, in a line that the next one may replace.
    package var detail: StepHandler = { _ in }

    /// The defaults.
    package init() {}

    /// Whether it is a rehearsal on a CPU.
    package var isRehearsal: Bool { device == DeviceKind.cpu.name }

    /// The number of the GPU; 0 in a rehearsal.
    var gpu: Int { TaskSet.gpuIndex(of: device) ?? 0 }

    /// Whether the device runs several jobs in one launch, so that partitions are measured both ways.
    var batches: Bool { !isRehearsal }

    /// How long a failure under MPS takes that counts as a hang: the limit of each of MPS's own programs.
    static let hang = Nanoseconds.seconds(Int64(15))
    /// How long a worker process may take until it is ready.
    static let workerStart = Nanoseconds.seconds(Int64(40))
    /// How long after its time a check of a GPU may still run before it counts as hanging.
    package static let grace = Nanoseconds.seconds(Int64(60))

    /// The kinds of partitions that the device can have.
    var usableKinds: [PartitionKind] { isRehearsal ? [.cores] : kinds }
}
