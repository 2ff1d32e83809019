import DarisCore

/// Which tasks' jobs can run stages together on a device, and how long that takes under full load.
struct BatchMeasurement: Sendable {
    /// The groups, each of at least two tasks.
    private(set) var groups: [BatchGroup] = []
    /// The group of each task.
    private(set) var groupOfTask: [Int?]

    /// Measures every size of batch that the device has, from the cache if it has been measured on the same machine.
    ///
    /// - Parameter besideEquals: Whether the other lanes run batches of the same size, as far as there are tasks for them, and not single
    ///   jobs.
    static func measure(
        _ tasks: [DeviceTask], models: [StagedModel], besideEquals: Bool, on loaded: LoadedDevice, store: ModelStore,
        progress: StepHandler
    ) throws(PreparationError) -> BatchMeasurement {
        var result = BatchMeasurement(groupOfTask: tasks.map { _ in nil })
        let counts = tasks.map { models[$0.model].stages.count }
        let profiler = LoadProfiler(device: loaded.device, stageCounts: counts, seed: 1)
        for (index, task) in tasks.enumerated() where tasks.firstIndex(of: task) == index {
            let sizes = loaded.device.batchSizes(of: index)
            let members = tasks.indices.filter { tasks[$0] == task }
            guard !sizes.isEmpty, members.count > 1 else { continue }
            for member in members { result.groupOfTask[member] = result.groups.count }
            let model = models[task.model]
            let key = ContentHash.of(
                store.machine, loaded.fingerprint, "\(model.hash) \(model.stages.map(\.path)) \(task.batch) \(sizes)",
                "\(tasks)", besideEquals ? "beside equals" : "")
            let entry = "batches/\(key).json"
            if let cached = store.cache.read(entry, as: BatchGroup.self), cached.sizes.map(\.jobs) == sizes,
                cached.sizes.allSatisfy({ size in
                    size.afet.count == counts[index]
                        && size.afet.allSatisfy { $0 >= .zero && $0 <= SchedulerConfiguration.longestTime }
                })
            {
                result.groups.append(cached)
                continue
            }
            var measured: [BatchGroup.Size] = []
            for jobs in sizes {
                progress("measuring \(jobs) jobs of \(model.name) together under full load")
                do {
                    measured.append(
                        .init(
                            jobs: jobs,
                            afet: try profiler.afet(
                                of: index, with: Array(members[1..<jobs]),
                                beside: besideEquals
                                    ? neighbours(of: members, jobs, task: index, lanes: loaded.device.ordinaryLanes)
                                    : [:])))
                } catch {
                    throw .unsupported(name: model.name, reason: "it fails while it is measured: \(error)")
                }
            }
            let group = BatchGroup(sizes: measured)
            store.cache.write(group, to: entry)
            result.groups.append(group)
        }
        return result
    }

    /// Members for batches on the lanes that do not measure, each member in one batch.
    private static func neighbours(of members: [Int], _ jobs: Int, task: Int, lanes: [Int]) -> [Int: [Int]] {
        let others = lanes.filter { $0 != lanes[FullLoad.lane(of: task, lanes: lanes.count)] }
        var (rest, neighbours) = (members.dropFirst(jobs), [Int: [Int]]())
        for lane in others where rest.count >= jobs {
            neighbours[lane] = Array(rest.prefix(jobs))
            rest = rest.dropFirst(jobs)
        }
        return neighbours
    }
}
