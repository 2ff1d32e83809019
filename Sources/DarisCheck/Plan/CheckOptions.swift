import DarisConfiguration
import DarisCore
import DarisRuntime
import DarisSimulator
import Foundation

/// The options of a check.
package struct CheckOptions: Sendable {
    /// The device: `cuda`, `cuda:1`, or `cpu` for a rehearsal.
    package var device = DeviceKind.cuda.name
    /// The time limit in minutes.
    package var minutes = 15.0
    /// The folder for its results.
    package var folder = "gpu-check"
    /// The networks.
    package var networks = CheckNetwork.builtins
    /// The kinds of partition that are measured.
    package var kinds: [PartitionKind] = [.streams, .green, .mps]
    /// The folder for built networks and cuts.
    package var cache = CacheFolder.standard()
    /// The script that measures PyTorch; `nil` if there is none.
    package var pytorchScript: String?
    /// The Python that runs it.
    package var python = ProcessInfo.processInfo.environment["DARIS_PYTHON"] ?? "python3"
    /// The version of Daris.
    package var version = ""
    /// Gets a line for each measurement.
    package var progress: @Sendable (String) -> Void = { _ in }
    /// Gets lines during a measurement; each may replace the one before.
    package var detail: StepHandler = { _ in }

    /// The defaults.
    package init() {}

    /// Whether it is a rehearsal on a CPU.
    package var isRehearsal: Bool { device == DeviceKind.cpu.name }

    /// The number of the GPU; 0 in a rehearsal.
    var gpu: Int { TaskSet.gpuIndex(of: device) ?? 0 }

    /// Whether the device runs several jobs in one launch. If so, partitions are measured with and without batching.
    var batches: Bool { !isRehearsal }

    /// The time after which a failure under MPS counts as a hang: the time limit of MPS's own programs.
    static let hang = Nanoseconds.seconds(Int64(15))
    /// The time limit for the start of a worker process.
    static let workerStart = Nanoseconds.seconds(Int64(40))
    /// The time that a check of a GPU may overrun before it counts as hanging.
    package static let grace = Nanoseconds.seconds(Int64(60))

    /// The kinds of partitions that the device can have.
    var usableKinds: [PartitionKind] { isRehearsal ? [.cores] : kinds }
}

/// A network of a check, with its source and its number of stages.
package struct CheckNetwork: Hashable, Sendable {
    /// Its name.
    package var name: String
    /// Its source.
    package var source: ModelDeclaration.Source
    /// The number of its stages.
    package var stages: Int

    /// A network.
    package init(name: String, source: ModelDeclaration.Source, stages: Int) {
        self.name = name
        self.source = source
        self.stages = stages
    }

    /// The built-in networks, cut as in the paper; ResNet50, which has no task set in the paper, into six stages.
    package static let builtins = ModelDeclaration.builtins.map { name in
        let paper = PaperTaskSet.allCases.first { $0.network == name }
        return CheckNetwork(name: name, source: .builtin(name), stages: paper?.stages ?? 6)
    }

    /// The network's declaration in a task set, with its own or the given number of stages.
    func declaration(stages other: Int? = nil) -> ModelDeclaration {
        ModelDeclaration(name: name, source: source, stages: .fixed(other ?? stages))
    }
}
