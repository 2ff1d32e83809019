import DarisConfiguration
import DarisCore
import ONNXRuntime

/// What a device is loaded from, and how its models are cut, loaded and measured.
struct Parts {
    let taskSet: TaskSet
    /// The models that tasks use.
    let used: [ModelDeclaration]
    /// One for each instance of each task.
    let tasks: [DeviceTask]
    let type: any NamedDevice.Type
    let environment: Environment
    let processors: [Int]
    let fifoPriority: Int
    let store: ModelStore
    let options: Preparation.Options

    /// A loaded device with its times.
    struct Measured {
        var models: [StagedModel]
        var loaded: LoadedDevice
        /// AFET by task and stage.
        var afets: [[Nanoseconds]]
        var batches: BatchMeasurement
        var notes: [String] = []
    }

    /// The device, loaded and measured.
    ///
    /// Networks whose number of stages is left open stay whole at first where batching may keep them so; those whose batches turn out too
    /// long for their deadlines are cut, and all is loaded again.
    func measured() throws(PreparationError) -> Measured {
        let open = Set(used.filter { $0.stages == .auto && taskSet.staging }.map(\.name))
        guard type.runsBatches(taskSet), taskSet.scheduler.follows(.wholeNetworks), !open.isEmpty else {
            return try measured(whole: [], cuts: cuts(of: used))
        }
        let others = cuts(of: used.filter { !open.contains($0.name) })
        var first: Measured? = try measured(whole: open, cuts: others)
        let long = open.filter { model in first.map { !mayStayWhole(model, $0) } ?? true }
        if long.isEmpty, let first { return first }
        first?.loaded.device.shutDown()
        // What it holds of the device's memory is free before more is loaded.
        first = nil
        let cuts = others.merging(cuts(of: used.filter { long.contains($0.name) })) { old, _ in old }
        var second = try measured(whole: open.subtracting(long), cuts: cuts)
        second.notes.append(
            "\(long.sorted().joined(separator: ", ")): cut into stages, since batches of "
                + "\(min(BatchingRule.leastWholeBatch, taskSet.scheduler.largestBatch)) of the whole network take too long for "
                + "the deadline")
        return second
    }

    /// - Parameters:
    ///   - whole: the models that are not cut.
    ///   - cuts: where others are cut; those without are cut by the CPU's times.
    private func measured(whole: Set<String>, cuts: [String: MeasuredCut]) throws(PreparationError) -> Measured {
        var models: [StagedModel] = []
        var notes: [String] = []
        for (index, model) in used.enumerated() {
            options.modelProgress(index + 1, used.count)
            let batches = taskSet.tasks.filter { $0.model == model.name }.map(\.batch)
            let cut = whole.contains(model.name) ? nil : cuts[model.name]
            let goal =
                whole.contains(model.name)
                ? .count(1) : cut.flatMap(\.goal) ?? Preparation.goal(model, in: taskSet, on: type)
            var staged = try store.staged(model, goal: goal, batches: batches, progress: options.progress)
            cut?.note(in: &staged)
            models.append(staged)
            notes += [cut?.problem].compactMap(\.self)
        }
        let loaded = try type.load(
            LoadRequest(
                taskSet: taskSet, tasks: tasks, models: models, environment: environment, processors: processors,
                fifoPriority: fifoPriority, options: options))
        do throws(PreparationError) {
            let afets = try afets(models, on: loaded)
            let batches = try BatchMeasurement.measure(
                tasks, models: models, besideEquals: taskSet.scheduler.follows(.equalNeighbours), on: loaded,
                store: store,
                progress: options.progress)
            return Measured(models: models, loaded: loaded, afets: afets, batches: batches, notes: notes)
        } catch {
            loaded.device.shutDown()
            throw error
        }
    }

    /// Whether some batch of 8 jobs or more of a whole network may be used. One that no two tasks share is never run in batches.
    private func mayStayWhole(_ model: String, _ measured: Measured) -> Bool {
        let own = taskSet.tasks.filter { $0.model == model }
        guard let deadline = own.map({ $0.deadline ?? $0.period }).min(),
            let place = used.firstIndex(where: { $0.name == model }),
            let first = tasks.firstIndex(where: { $0.model == place }), let group = measured.batches.groupOfTask[first]
        else { return false }
        let least = min(BatchingRule.leastWholeBatch, taskSet.scheduler.largestBatch)
        return measured.batches.groups[group].sizes.contains { size in
            size.jobs >= least && BatchingRule.allows(size.afet.reduce(.zero, +), within: deadline)
        }
    }

    /// AFET by task. Tasks of one model and batch share a measurement.
    private func afets(_ models: [StagedModel], on loaded: LoadedDevice) throws(PreparationError) -> [[Nanoseconds]] {
        let key = ContentHash.of(
            store.machine, loaded.fingerprint,
            tasks.map { task in
                "\(models[task.model].hash) \(models[task.model].stages.map { "\($0.path) \($0.nodes)" }) \(task.batch)"
            }.joined(separator: "\n"))
        let entry = "afet/\(key).json"
        let counts = tasks.map { models[$0.model].stages.count }
        if let cached = store.cache.read(entry, as: [[Nanoseconds]].self), cached.map(\.count) == counts,
            cached.joined().allSatisfy({ $0 >= .zero && $0 <= SchedulerConfiguration.longestTime })
        {
            return cached
        }

        let profiler = LoadProfiler(device: loaded.device, stageCounts: counts, seed: 1)
        var known: [DeviceTask: [Nanoseconds]] = [:]
        for (index, task) in tasks.enumerated() where known[task] == nil {
            let name = models[task.model].name
            options.progress("measuring \(name)\(task.batch > 1 ? " at batch \(task.batch)" : "") under full load")
            do {
                known[task] = try profiler.afet(of: index)
            } catch {
                throw .unsupported(name: name, reason: "it fails while it is measured: \(error)")
            }
        }
        let afets = tasks.map { known[$0] ?? [] }
        store.cache.write(afets, to: entry)
        return afets
    }
}

extension Preparation {
    /// What a model is cut for.
    static func goal(
        _ model: ModelDeclaration, in taskSet: TaskSet, on device: any NamedDevice.Type
    ) -> StageDesigner.Goal {
        guard taskSet.staging else { return .count(1) }
        if model.stages == .auto, let stages = device.automaticStages { return .count(stages) }
        let shortest = taskSet.tasks.map(\.period).min() ?? .seconds(Int64(1))
        return StageDesigner.Goal(model.stages, shortestPeriod: shortest)
    }
}
