import DarisConfiguration
import DarisCore
import DarisONNX

/// Where a model is cut by what its parts take on the device that it is cut for.
struct MeasuredCut {
    /// The nodes with which its stages but the first start, and what the stages take; `nil` if its parts could not be measured.
    var stages: (positions: [Int], times: [Nanoseconds])?
    /// Why they could not be measured, in words for the user.
    var problem: String?

    /// The goal that cuts it so.
    var goal: StageDesigner.Goal? { stages.map { .positions($0.positions) } }

    /// Gives the stages of the model the times by which it was cut.
    func note(in model: inout StagedModel) {
        guard let times = stages?.times, times.count == model.stages.count else { return }
        for (index, time) in times.enumerated() { model.stages[index].measured = time }
    }

    /// Joins the parts of a model to a number of stages.
    ///
    /// A part by itself has the costs of a dispatch, which stages of several parts have once. What they are follows from the time of
    /// the whole model.
    ///
    /// - Returns: `nil` if there are no more parts than stages.
    static func join(_ parts: StagedModel, stages: Int, times: PartTimes) -> MeasuredCut? {
        guard stages > 1, parts.stages.count > stages, times.parts.count == parts.stages.count else { return nil }
        let sum = times.parts.reduce(Nanoseconds.zero, +)
        let dispatch = max(0, (sum - times.whole).rawValue / Int64(parts.stages.count - 1))
        let own = times.parts.map { max(0, $0.rawValue - dispatch) }
        let starts = StageCutter.join(
            stages: stages, times: own, bytesAfter: parts.stages.map(\.bytesCarried), tolerance: StageDesigner.tolerance
        )
        let bounds = [0] + starts + [parts.stages.count]
        let ranges = zip(bounds, bounds.dropFirst()).map { $0..<$1 }
        return MeasuredCut(
            stages: (
                positions: starts.map { start in parts.stages[..<start].reduce(0) { $0 + $1.nodes } },
                times: ranges.map { Nanoseconds(own[$0].reduce(dispatch, +)) }
            ))
    }
}

/// What the parts of a model take on a device.
struct PartTimes: Codable {
    /// Each by itself.
    var parts: [Nanoseconds]
    /// All as one.
    var whole: Nanoseconds

    /// Whether they may be those of so many parts.
    func fits(_ count: Int) -> Bool {
        parts.count == count
            && (parts + [whole]).allSatisfy { $0 >= .zero && $0 <= SchedulerConfiguration.longestTime }
    }
}

extension Parts {
    /// Where models are cut, by name: those that are to be cut into a number of stages, on a device that says by whose times.
    ///
    /// Each such model is cut into fine parts of equal numbers of nodes; these and the whole model are loaded on one lane and timed,
    /// unless the cache has their times.
    func cuts(of models: [ModelDeclaration]) -> [String: MeasuredCut] {
        guard options.cutsByDevice, taskSet.staging, !models.isEmpty,
            let device = type.cuttingFingerprint(taskSet)
        else { return [:] }
        var cuts: [String: MeasuredCut] = [:]
        for model in models {
            guard case .count(let stages) = Preparation.goal(model, in: taskSet, on: type), stages > 1 else { continue }
            do throws(PreparationError) {
                cuts[model.name] = try cut(model, stages: stages, device: device)
            } catch {
                cuts[model.name] = MeasuredCut(
                    problem:
                        "'\(model.name)' is cut by times of the CPU, since its parts could not be measured: \(error)")
            }
        }
        return cuts
    }

    private func cut(
        _ model: ModelDeclaration, stages: Int, device: String
    ) throws(PreparationError) -> MeasuredCut? {
        guard let first = taskSet.tasks.first(where: { $0.model == model.name }) else { return nil }
        let batches = taskSet.tasks.filter { $0.model == model.name }.map(\.batch)
        let parts = try store.staged(
            model, goal: .parts(StageCount.automaticLimit), batches: batches, progress: options.progress)
        guard parts.stages.count > stages else { return nil }
        let jobs = together(first)
        let key = ContentHash.of(
            store.machine, device, parts.hash, "\(parts.stages.map { "\($0.path) \($0.nodes)" })",
            "\(first.batch) × \(jobs)")
        let entry = "parts/\(key).json"
        var times = store.cache.read(entry, as: PartTimes.self).flatMap { $0.fits(parts.stages.count) ? $0 : nil }
        if times == nil {
            let whole = try store.staged(model, goal: .count(1), batches: batches, progress: options.progress)
            let measured = try self.times(of: parts, whole, first, jobs: jobs)
            store.cache.write(measured, to: entry)
            times = measured
        }
        return times.flatMap { MeasuredCut.join(parts, stages: stages, times: $0) }
    }

    /// How many jobs of a task's kind run a part together where it is timed: as many as must be able to run a whole network together.
    private func together(_ task: TaskDeclaration) -> Int {
        guard type.runsBatches(taskSet) else { return 1 }
        let alike = taskSet.tasks.filter { $0.model == task.model && $0.batch == task.batch }
        let most = min(
            BatchingRule.leastWholeBatch, taskSet.scheduler.largestBatch, alike.reduce(0) { $0 + $1.instances })
        return BatchGroup.measuredSizes.last { $0 <= most } ?? 1
    }

    /// The times of a model's parts, and of the whole model, alone on one lane of the device.
    private func times(
        of parts: StagedModel, _ whole: StagedModel, _ task: TaskDeclaration, jobs: Int
    ) throws(PreparationError) -> PartTimes {
        var set = taskSet
        set.partition = Partition(contexts: 1, streams: 1, oversubscription: 1)
        set.partitionKind = nil
        set.scheduler.batching = jobs > 1 ? jobs : nil
        let tasks = [0, 1].flatMap { repeatElement(DeviceTask(model: $0, batch: task.batch), count: jobs) }
        set.tasks = tasks.indices.map { index in
            TaskDeclaration(
                name: "part-\(index)", model: task.model, period: task.period, priority: .high, batch: task.batch)
        }
        let loaded = try type.load(
            LoadRequest(
                taskSet: set, tasks: tasks, models: [parts, whole], environment: environment, processors: processors,
                fifoPriority: fifoPriority, options: options))
        defer { loaded.device.shutDown() }
        options.progress("measuring the parts of \(parts.name)")
        let profiler = LoadProfiler(
            device: loaded.device, stageCounts: tasks.map { $0.model == 0 ? parts.stages.count : 1 }, seed: 1)
        func afet(_ leader: Int) throws(PreparationError) -> [Nanoseconds] {
            let isTogether = loaded.device.batchSizes(of: leader).contains(jobs)
            do {
                return try profiler.afet(of: leader, with: isTogether ? Array(leader + 1..<leader + jobs) : [])
            } catch {
                throw .unsupported(name: parts.name, reason: "it fails while it is measured: \(error)")
            }
        }
        return PartTimes(parts: try afet(0), whole: try afet(jobs).reduce(.zero, +))
    }
}
