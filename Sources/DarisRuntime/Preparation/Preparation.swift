import DarisConfiguration
import DarisCore
import Foundation
import ONNXRuntime

/// A task set made ready to run on this machine: models cut and loaded, execution times measured, tasks placed.
///
/// ```swift
/// let prepared = try Preparation.prepare(taskSet, options: .init())
/// let outcome = prepared.run()
/// ```
package struct Preparation: Sendable {
    /// How to prepare.
    package struct Options: Sendable {
        /// Measure and build everything anew.
        package var fresh = false
        /// Run even if the HP tasks alone do not fit.
        package var force = false
        /// Cut models by times that are measured on the device, where it is one that is measured for that.
        package var cutsByDevice = true
        /// Ask for SCHED_FIFO and locked memory.
        package var realTime = false
        /// Where to keep what was built and measured.
        package var cache: CacheFolder?
        /// The program that worker processes run under `isolation: process`: `daris`. If `nil`, this process's own if it
        /// is that, else the one beside it, else the one in `PATH`.
        package var workerExecutable: String?
        /// How long a worker process may take until it is ready.
        package var workerStart = WorkerLimits.start
        /// Whether the run lasts until it is interrupted, as a server's does, and not for the task set's duration.
        package var runsUntilInterrupted = false
        /// Told of each step.
        package var progress: StepHandler = { _ in }
        /// Told of each model whose turn it is: its number, from 1, and that of all.
        package var modelProgress: @Sendable (_ number: Int, _ total: Int) -> Void = { _, _ in }

        /// The defaults.
        package init() {}
    }

    /// The task set, overrides applied.
    package let taskSet: TaskSet
    /// What the scheduler is made from.
    package let configuration: SchedulerConfiguration
    /// What will happen.
    package let plan: RunPlan
    /// The models, as they were cut.
    package let models: [StagedModel]
    /// The device, loaded.
    package let device: MachineDevice
    /// What each task's model takes and gives.
    package let signatures: [ModelSignature]
    /// How each task's jobs arrive.
    package let arrivals: [JobArrival]
    /// How long jobs are released; `.distantFuture` if until the run is interrupted.
    private let duration: Nanoseconds
    /// The SCHED_FIFO priority of the release timer, or 0.
    package let timerFIFOPriority: Int

    /// Prepares a task set for the device it names.
    ///
    /// - Throws: `PreparationError`, a sentence that says what would help.
    package static func prepare(_ taskSet: TaskSet, options: Options) throws(PreparationError) -> Preparation {
        try prepare(taskSet, options: options, devices: MachineDevice.types)
    }

    /// - Parameter devices: those that the task set may name.
    static func prepare(
        _ taskSet: TaskSet, options: Options, devices: [any NamedDevice.Type]
    ) throws(PreparationError) -> Preparation {
        guard !TaskSet.isSimulated(device: taskSet.device) else { throw .simulatedDevice(taskSet.device) }
        let type = try MachineDevice.type(of: taskSet.device, among: devices)
        let environment = try openEnvironment()
        try type.check(taskSet, environment: environment)
        let rights = SystemRights.probe()
        var notes = taskSet.warnings + type.notes(on: rights)
        let fifo = options.realTime && rights.fifo
        if options.realTime { notes += realTimeNotes(rights) }
        let threads = type.cuttingThreads(taskSet.partition, processors: rights.processors.count)
        let cache = options.cache ?? .standard(isFresh: options.fresh)
        notes += [cache.notice].compactMap(\.self)
        let probe = ModelProbe(workerExecutable: options.workerExecutable)
        let store = ModelStore(
            environment: environment, cache: cache, threads: threads, probe: probe,
            isHalf: taskSet.gpu.precision == .fp16)

        let used = taskSet.models.filter { model in taskSet.tasks.contains { $0.model == model.name } }
        guard !taskSet.tasks.isEmpty else { throw .noLoad("the task set has no tasks; add at least one under 'tasks'") }
        for task in taskSet.tasks where !used.contains(where: { $0.name == task.model }) {
            throw .unsupported(name: task.model, reason: "task '\(task.name)' runs it, but there is no such model")
        }
        let deviceTasks = taskSet.deviceTasks(used)
        let parts = Parts(
            taskSet: taskSet, used: used, tasks: deviceTasks, type: type, environment: environment,
            processors: rights.processors, fifoPriority: fifo ? 20 : 0, store: store, options: options)
        let measured = try parts.measured()
        let (models, loaded, afets, batches) = (measured.models, measured.loaded, measured.afets, measured.batches)
        notes += models.flatMap(\.notes)
        let hasFiles = used.contains { if case .file = $0.source { true } else { false } }
        if probe == nil, hasFiles {
            notes.append(
                "models are not tried in a process of their own first, since the program 'daris' was not found: one that "
                    + "crashes takes this process with it")
        }
        notes += loaded.notes + measured.notes
        do {
            let firsts = taskSet.firstInstances
            let specifications = try specifications(taskSet, afets: firsts.map { afets[$0] })
                .grouped(firsts.map { batches.groupOfTask[$0] })
            let configuration = try configuration(
                taskSet, specifications, batchGroups: batches.groups, runsBatches: loaded.runsBatches,
                force: options.force, notes: &notes)
            notes += taskSet.notes(on: configuration)
            if options.runsUntilInterrupted { notes += taskSet.copiedModelNotes }
            let arrivals = taskSet.arrivalSequences(periods: specifications.map(\.period), generatingSporadic: false)
                .map { times in times.map(JobArrival.clock) ?? .sporadic }
            let plan = RunPlan(
                configuration, models: taskSet.tasks.map(\.model), device: loaded.name, unitName: loaded.unitName,
                units: loaded.units, kind: loaded.kind, contextUnits: loaded.contextUnits, quota: loaded.quota,
                simulated: false, load: taskSet.load,
                duration: options.runsUntilInterrupted ? nil : taskSet.run.duration, seed: taskSet.run.seed,
                notes: notes)
            return Preparation(
                taskSet: taskSet, configuration: configuration, plan: plan, models: models, device: loaded.device,
                signatures: firsts.map { first in
                    let task = deviceTasks[first]
                    guard let shapes = loaded.shapes[task] else { return ModelSignature(inputs: [], outputs: []) }
                    return ModelSignature(models[task.model], shapes: shapes)
                }, arrivals: arrivals,
                duration: options.runsUntilInterrupted ? .distantFuture : taskSet.run.duration,
                timerFIFOPriority: fifo ? 30 : 0)
        } catch {
            loaded.device.shutDown()
            throw error
        }
    }

    /// An executor for this task set, at rest.
    ///
    /// - Parameter duration: how long it releases and takes jobs, if not as long as the plan says; `.distantFuture` for a
    ///   service that runs until it is interrupted.
    package func executor(
        duration: Nanoseconds? = nil, options: Executor<MachineDevice>.Options = .init()
    ) -> Executor<MachineDevice> {
        var options = options
        options.timerFIFOPriority = timerFIFOPriority
        return Executor(
            configuration, device: device, arrivals: arrivals, duration: duration ?? self.duration,
            options: options)
    }

    /// Runs the task set for its duration and ends the device's threads.
    package func run(options: Executor<MachineDevice>.Options = .init()) -> Executor<MachineDevice>.Outcome {
        let outcome = executor(options: options).run()
        if outcome.summary.jobs.inFlight == 0 || device.canShutDownWhileHanging { device.shutDown() }
        return outcome
    }

    // MARK: - Steps

    /// The tasks with their AFETs, their rates scaled to the load.
    static func specifications(
        _ taskSet: TaskSet, afets: [[Nanoseconds]]
    ) throws(PreparationError) -> [TaskSpecification] {
        do { return try taskSet.specifications(afets: afets) } catch { throw .noLoad(error.message) }
    }

    static func configuration(
        _ taskSet: TaskSet, _ tasks: [TaskSpecification], batchGroups: [BatchGroup] = [], runsBatches: Bool = false,
        force: Bool, notes: inout [String]
    ) throws(PreparationError) -> SchedulerConfiguration {
        let configuration: SchedulerConfiguration
        do {
            configuration = try SchedulerConfiguration(
                partition: taskSet.partition, tasks: tasks, options: taskSet.scheduler,
                batchGroups: batchGroups.isEmpty ? nil : batchGroups)
        } catch {
            throw .configuration(error)
        }
        if configuration.options.largestBatch > 1 && batchGroups.isEmpty {
            notes.append(
                runsBatches
                    ? "batching is on, but no two tasks can run together: every job runs alone"
                    : "batching is on, but this device runs no batches: every job runs alone")
        }
        for (context, utilisation, names) in configuration.overloadedContexts {
            let error = PreparationError.highPriorityDoesNotFit(
                context: context, utilisation: utilisation, streams: taskSet.partition.streams, tasks: names)
            guard force else { throw error }
            notes.append("forced: \(error.description)")
        }
        return configuration
    }

    private static func realTimeNotes(_ rights: SystemRights) -> [String] {
        var notes: [String] = []
        if !rights.fifo {
            notes.append(
                "no right to SCHED_FIFO: lanes run at normal priority (grant CAP_SYS_NICE or raise 'ulimit -r')")
        }
        if !rights.memoryLock || !SystemRights.lockMemory() {
            notes.append(
                "memory could not be locked: pages may be swapped out (grant CAP_IPC_LOCK or raise 'ulimit -l')")
        }
        return notes
    }
}

/// Parts of the way, for commands that need no more.
extension Preparation {
    /// Reads the models that tasks of a task set use, and returns their names; nothing is measured.
    package static func readModels(of taskSet: TaskSet, progress: StepHandler) throws(PreparationError) -> [String] {
        let store = ModelStore(
            environment: try openEnvironment(), cache: .standard(), threads: 1,
            probe: ModelProbe(workerExecutable: nil))
        let used = taskSet.models.filter { model in taskSet.tasks.contains { $0.model == model.name } }
        for model in used {
            try store.check(
                model, batches: taskSet.tasks.filter { $0.model == model.name }.map(\.batch), progress: progress)
        }
        return used.map(\.name)
    }

    /// How a device is cut for a folder of models, of which nothing is known.
    package static func servingPartition(of device: String) throws(PreparationError) -> Partition {
        try MachineDevice.type(of: device).servingPartition(processors: SystemRights.allowedProcessors().count)
    }

    /// Cuts one model for the whole CPU's cores one by one: for stages that run on one thread.
    ///
    /// - Parameter isHalf: whether it is converted to half precision first.
    package static func stage(
        _ model: ModelDeclaration, shortestPeriod: Nanoseconds, fresh: Bool, isHalf: Bool = false,
        progress: StepHandler
    ) throws(PreparationError) -> StagedModel {
        let cache = CacheFolder.standard(isFresh: fresh)
        let store = ModelStore(
            environment: try openEnvironment(), cache: cache, threads: 1, probe: ModelProbe(workerExecutable: nil),
            isHalf: isHalf)
        var staged = try store.staged(
            model, goal: .init(model.stages, shortestPeriod: shortestPeriod), progress: progress)
        staged.notes += [cache.notice].compactMap(\.self)
        return staged
    }

    /// ONNX Runtime with a log of nothing but what ends the process: what it logs of a failed call it also returns, and a
    /// stage that fails at every release must not write a line each time from its lane.
    static func openEnvironment() throws(PreparationError) -> Environment {
        do {
            return try Environment(library: try ONNXRuntimeLibrary.open(), severity: .fatal)
        } catch {
            throw .noRuntime(error)
        }
    }
}

extension TaskSet {
    /// The tasks as a device has them: one for each instance.
    func deviceTasks(_ models: [ModelDeclaration]) -> [DeviceTask] {
        tasks.flatMap { task in
            repeatElement(
                DeviceTask(model: models.firstIndex { $0.name == task.model } ?? 0, batch: task.batch),
                count: task.instances)
        }
    }

    /// The priorities of these.
    var instancePriorities: [Priority] { tasks.flatMap { repeatElement($0.priority, count: $0.instances) } }

    /// The place of each task's first instance among them.
    var firstInstances: [Int] {
        var next = 0
        return tasks.map { task in
            defer { next += task.instances }
            return next
        }
    }
}

extension StageDesigner.Goal {
    /// What a declaration asks for, given the shortest period of all tasks.
    init(_ stages: StageCount, shortestPeriod: Nanoseconds) {
        switch stages {
        case .fixed(let count): self = .count(count)
        case .auto:
            self = .longestStage(Nanoseconds(Int64(shortestPeriod.inSeconds * StageCount.automaticShare * 1e9)))
        }
    }
}
