/// Which jobs may run together, and how long batches take (docs/decisions/0010). The owner of these times.
///
/// All of it is empty while batching is off.
struct BatchTimes: Sendable {
    /// A size of batch of a group and the first of its windows, one a stage.
    struct Size: Sendable {
        let jobs: Int
        fileprivate let firstWindow: Int
    }

    /// Whether any jobs may ever run together.
    let isOn: Bool
    /// The most jobs of a batch that was measured; 1 while batching is off.
    let largest: Int
    /// How many lists of candidates there are: one a context, group and stage.
    let lists: Int
    /// By task: its group, or -1.
    private let groups: ContiguousArray<Int>
    /// By group: its sizes, the largest first, and the place of its first stage among the stages of all groups.
    private let sizes: ContiguousArray<ContiguousArray<Size>>
    private let firstSlot: ContiguousArray<Int>
    private let stageCounts: ContiguousArray<Int>
    private let slots: Int
    /// By group: the sizes that batches have when the device is full, as far as can be foreseen.
    private let fullSizes: ContiguousArray<ContiguousArray<Size>>
    /// Execution times of batches by group, size and stage: the maximum of the last w_s.
    private var times: ExecutionTimeWindows

    init(_ configuration: SchedulerConfiguration) {
        let options = configuration.options
        let configured = configuration.batchGroups ?? []
        isOn = options.largestBatch > 1 && !configured.isEmpty
        let tasks = isOn ? configuration.tasks : []
        var (sizes, firstSlot) = (ContiguousArray<ContiguousArray<Size>>(), ContiguousArray<Int>())
        var (slots, windows) = (0, ContiguousArray<Nanoseconds>())
        for group in isOn ? configured : [] {
            var ofGroup = ContiguousArray<Size>()
            let place = sizes.count
            let deadline = tasks.lazy.filter { $0.batchGroup == place }.map(\.deadline).min() ?? .distantFuture
            for size in group.sizes.reversed() where size.jobs <= options.largestBatch {
                let time = size.afet.reduce(.zero, +)
                if options.follows(.sizes), !BatchingRule.allows(time, within: deadline) { continue }
                ofGroup.append(Size(jobs: size.jobs, firstWindow: windows.count))
                windows.append(contentsOf: size.afet)
            }
            sizes.append(ofGroup)
            firstSlot.append(slots)
            slots += group.sizes.first?.afet.count ?? 0
        }
        self.sizes = sizes
        self.firstSlot = firstSlot
        stageCounts = ContiguousArray(configured.map { $0.sizes.first?.afet.count ?? 0 })
        self.slots = slots
        largest = sizes.reduce(1) { max($0, $1.first?.jobs ?? 1) }
        lists = configuration.partition.contexts * slots
        let members = tasks.reduce(into: [:]) { counts, task in counts[task.batchGroup, default: 0] += task.instances }
        fullSizes = ContiguousArray(
            sizes.enumerated().map { group, sizes in
                let inContext = (members[group] ?? 0) / configuration.partition.contexts
                let largest = (sizes.first?.jobs ?? 0) / (options.follows(.cost) ? 1 : Self.fullShare)
                let most = min(largest, inContext / Self.instancesPerJob)
                return sizes.filter { $0.jobs <= most }
            })
        groups = ContiguousArray(tasks.map { task in task.batchGroup.flatMap { sizes[$0].isEmpty ? nil : $0 } ?? -1 })
        times = ExecutionTimeWindows(
            afet: windows, size: options.windowSize, keepsAllTimeMaximum: options.worstCaseExecutionTime)
    }

    /// The list of candidates to which the current stage of a job belongs; `nil` if it runs by itself.
    @inline(__always)
    func list(for job: Job) -> Int? {
        guard isOn, groups[job.task] >= 0, !job.runsAlone else { return nil }
        return job.context * slots + firstSlot[groups[job.task]] + job.stage
    }

    /// The sizes of batch of a task, the largest first.
    func sizes(of task: Int) -> ContiguousArray<Size> { isOn && groups[task] >= 0 ? sizes[groups[task]] : [] }

    /// The maximum recent execution time of a stage at a size.
    subscript(size: Size, stage: Int) -> Nanoseconds { times[size.firstWindow + stage] }

    /// The maximum recent execution time of a batch; `nil` if the task runs no batch of this size.
    func time(of task: Int, jobs: Int, stage: Int) -> Nanoseconds? {
        sizes(of: task).first { $0.jobs == jobs }.map { self[$0, stage] }
    }

    /// The time of all stages from one on in the largest batch of a task that is no larger than `limit` jobs; zero where it runs no
    /// batches.
    func remaining(of task: Int, from stage: Int, limit: Int = .max) -> Nanoseconds {
        guard let size = sizes(of: task).first(where: { $0.jobs <= limit }) else { return .zero }
        return (stage..<stageCounts[groups[task]]).reduce(.zero) { $0 + self[size, $1] }
    }

    /// Takes in the execution time of a batch.
    mutating func record(_ time: Nanoseconds, of task: Int, jobs: Int, stage: Int) {
        guard let size = sizes(of: task).first(where: { $0.jobs == jobs }) else { return }
        _ = times.record(time, stage: size.firstWindow + stage)
    }

    /// The largest size is so many times what batches surely have when the device is full: a third of it was seen on a GPU.
    private static let fullShare = 4
    /// Of so many instances of a group on a context one has a job in a batch, at most, when the device is full: the others' are
    /// at other stages, or between two jobs.
    private static let instancesPerJob = 4

    /// What a stage costs each of the jobs that kept a lane for `time` together: its share, or what it would be if the device
    /// were full, which is less where a batch was small because little was ready. Lanes are never left idle for the sake of
    /// larger batches, so that small ones may keep them busy at a load that leaves much room.
    func cost(_ time: Nanoseconds, of task: Int, jobs: Int, stage: Int) -> Nanoseconds {
        var least = Nanoseconds(time.rawValue / Int64(jobs))
        guard groups[task] >= 0 else { return least }
        for size in fullSizes[groups[task]] {
            least = min(least, Nanoseconds(self[size, stage].rawValue / Int64(size.jobs)))
        }
        return least
    }
}
