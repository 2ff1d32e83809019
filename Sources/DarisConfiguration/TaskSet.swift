import DarisCore

/// Everything a run needs to know: the device and its partition, the models, the tasks, and the scheduler's switches.
///
/// ```swift
/// var set = try TaskSet.read(path: "overload.yaml")
/// try set.apply(TaskSet.Overrides(contexts: 6, oversubscription: 6))
/// for warning in set.warnings { print(warning) }
/// ```
///
/// A task set that was read, and one that overrides were applied to, keeps `Limits`; one made by hand keeps them if
/// its maker does.
package struct TaskSet: Hashable, Sendable, Codable {
    /// The name of the file it was read from, for messages; paths in it are relative to its folder.
    package var source: String
    /// The device to run on.
    package var device: String
    /// How the device is cut into contexts and streams.
    package var partition: Partition
    /// Whether the express lanes are as asked for; if not, there are as many as suit the device and the policy.
    package var asksForExpress: Bool
    /// How contexts get their share of the device; `nil` for what is usual on it.
    package var partitionKind: PartitionKind?
    /// Whether the contexts are processes of their own.
    package var isolation: Isolation
    /// How networks run on a GPU. Simulations ignore it; a CPU refuses what it cannot do (``GPUOptions/needsGPU``).
    package var gpu: GPUOptions
    /// The models, in the order of the file.
    package var models: [ModelDeclaration]
    /// The tasks, in the order of the file, `count` expanded.
    package var tasks: [TaskDeclaration]
    /// If given, all rates are scaled so that the total utilisation is this share of what the device can do.
    package var load: Double?
    /// The switches of the scheduler.
    package var scheduler: SchedulerOptions
    /// Whether models are cut into stages; off (an ablation), every model is one stage, whatever it declares.
    package var staging: Bool
    /// How long to run, and the seed.
    package var run: RunSettings
    /// How it is served, if it is.
    package var serve: ServeSettings

    /// The devices that the machine can only simulate; files of the same form (`NAME.json`) are others.
    package static let simulatedDevices = ["rtx2080ti", "h200", "a100", "orin"]

    /// Whether a device is one that is only simulated.
    package static func isSimulated(device: String) -> Bool {
        simulatedDevices.contains(device) || device.hasSuffix(".json")
    }

    /// The number of the GPU that a device is, counted from 0 as the driver does; `nil` if it is none.
    package static func gpuIndex(of device: String) -> Int? { DeviceKind.cuda.index(of: device) }

    /// A task set; by default on the whole CPU as one lane, under the paper's algorithm, for 10 s.
    package init(
        source: String, device: String = DeviceKind.cpu.name,
        partition: Partition = Partition(contexts: 1, streams: 1, oversubscription: 1),
        partitionKind: PartitionKind? = nil, isolation: Isolation = .none, gpu: GPUOptions = GPUOptions(),
        models: [ModelDeclaration],
        tasks: [TaskDeclaration], load: Double? = nil,
        scheduler: SchedulerOptions = SchedulerOptions(), staging: Bool = true, run: RunSettings = RunSettings(),
        serve: ServeSettings = ServeSettings()
    ) {
        self.source = source
        self.device = device
        self.partition = partition
        asksForExpress = true
        self.partitionKind = partitionKind
        self.isolation = isolation
        self.gpu = gpu
        self.models = models
        self.tasks = tasks
        self.load = load
        self.scheduler = scheduler
        self.staging = staging
        self.run = run
        self.serve = serve
    }

    /// Gives each context as many express lanes as suit the device, the policy and the tasks, unless the user has said how many: N_s
    /// on a CPU, where there are HP and LP tasks and HP goes before LP; none in simulations, as in the paper, and on a GPU, where
    /// none has been measured.
    package mutating func chooseExpress() {
        guard !asksForExpress else { return }
        let priorities = Set(tasks.map(\.priority))
        let hasExpress =
            scheduler.hasFixedPriorities && scheduler.rules == nil && priorities.count > 1
            && DeviceKind.cpu.index(of: device) != nil
        partition.express = hasExpress ? partition.streams : 0
    }

    /// What is wrong with the express lanes, if anything.
    var expressProblem: String? {
        let express = partition.express
        if express > partition.streams {
            return "\(express) is outside 0 to \(partition.streams), the number of streams of a context"
        }
        guard express > 0, !scheduler.hasFixedPriorities else { return nil }
        let cause =
            scheduler.policy == .daris ? "fixed_priority is off" : "the policy is '\(scheduler.policy.rawValue)'"
        return "express lanes are for HP stages, which do not go before LP here: \(cause); write 0"
    }

    /// What is allowed but probably not meant, one sentence each.
    package var warnings: [String] {
        let used = Set(tasks.map(\.model))
        var warnings: [String] = []
        for model in models where !used.contains(model.name) {
            warnings.append("\(source): models.\(model.name): no task uses this model")
        }
        if TaskSet.isSimulated(device: device), let asked = gpu.needsGPU {
            warnings.append(
                "\(source): gpu: \(asked) changes nothing in a simulation; the times are those that the device file gives"
            )
        }
        if scheduler.policy != .daris {
            var asDaris = scheduler
            asDaris.policy = .daris
            asDaris.windowSize = SchedulerOptions().windowSize
            asDaris.worstCaseExecutionTime = SchedulerOptions().worstCaseExecutionTime
            if asDaris != SchedulerOptions() {
                warnings.append(
                    "\(source): scheduler: policy '\(scheduler.policy.rawValue)' ignores last_stage_level, late_level, "
                        + "fixed_priority, migration and admission; only policy 'daris' heeds them")
            }
        }
        return warnings
    }
}

/// What separates the contexts of a device from each other.
package enum Isolation: String, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing: all run in one process.
    case none
    /// Each is a worker process: one that crashes takes only its own running jobs with it, and is started again.
    case process
}
