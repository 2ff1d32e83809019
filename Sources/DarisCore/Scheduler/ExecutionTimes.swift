/// How long the stages of every task take: MRET, and what they cost where jobs share lanes. The owner of both.
struct ExecutionTimes: Sendable {
    private var times: ExecutionTimeWindows
    /// Whether jobs share lanes; if not, a stage costs its MRET.
    private let sharesLanes: Bool
    /// Time of a lane that each stage took, with a margin: in a batch of n a job's is 1/n of it.
    private var costs: ExecutionTimeWindows
    /// By task: the stages among those of all tasks, and the sums over them.
    private var stages: ContiguousArray<Range<Int>>
    /// By task: as many stages as a task in its place may have.
    private let rooms: ContiguousArray<Range<Int>>
    private var totals: ContiguousArray<Nanoseconds>
    private var totalCosts: ContiguousArray<Nanoseconds>
    /// By task: the longest sample of a stage, so that the work of as many jobs as there may be can be added up.
    private var limits: ContiguousArray<Nanoseconds>
    private let windowSize: Int

    init(_ configuration: SchedulerConfiguration, sharesLanes: Bool) {
        let (tasks, options) = (configuration.tasks, configuration.options)
        let afet = tasks.flatMap(\.afet)
        func windows(_ afet: [Nanoseconds], _ statistic: ExecutionTimeWindows.Statistic) -> ExecutionTimeWindows {
            ExecutionTimeWindows(
                afet: afet, size: options.windowSize, keepsAllTimeMaximum: options.worstCaseExecutionTime,
                statistic: statistic)
        }
        times = windows(afet, .maximum)
        costs = windows(sharesLanes ? afet : [], .meanWithMargin(percent: options.follows(.cost) ? 110 : 125))
        self.sharesLanes = sharesLanes
        windowSize = options.windowSize
        var count = 0
        stages = ContiguousArray(
            tasks.map { task in
                defer { count += task.afet.count }
                return count..<count + task.afet.count
            })
        rooms = stages
        totals = ContiguousArray(tasks.map(\.totalAFET))
        limits = ContiguousArray(tasks.map { Self.limit(stages: $0.afet.count) })
        totalCosts = totals
    }

    private static func limit(stages: Int) -> Nanoseconds {
        Nanoseconds(SchedulerConfiguration.longestTime.rawValue / Int64(2 * stages))
    }

    /// How many stages a task has.
    func count(_ task: Int) -> Int { stages[task].count }
    /// The most stages that a task may have in the place of another.
    func room(of task: Int) -> Int { rooms[task].count }

    /// Puts another task in the place of one, with its AFETs and no samples yet.
    mutating func replace(_ task: Int, with specification: TaskSpecification) {
        let afet = specification.afet
        stages[task] = rooms[task].prefix(afet.count)
        for (place, time) in zip(stages[task], afet) {
            times.reset(stage: place, afet: time)
            if sharesLanes { costs.reset(stage: place, afet: time) }
        }
        totals[task] = specification.totalAFET
        totalCosts[task] = totals[task]
        limits[task] = Self.limit(stages: afet.count)
    }

    @inline(__always)
    func mret(_ task: Int) -> Nanoseconds { totals[task] }
    @inline(__always)
    func mret(_ task: Int, _ stage: Int) -> Nanoseconds { times[stages[task].lowerBound + stage] }

    @inline(__always)
    func cost(_ task: Int) -> Nanoseconds { sharesLanes ? totalCosts[task] : totals[task] }
    @inline(__always)
    func cost(_ task: Int, _ stage: Int) -> Nanoseconds {
        sharesLanes ? costs[stages[task].lowerBound + stage] : mret(task, stage)
    }

    /// Takes in the execution time of a stage that ran by itself; returns by how much MRET changed.
    @inline(__always)
    mutating func record(_ time: Nanoseconds, of task: Int, stage: Int) -> Nanoseconds {
        let change = times.record(min(time, limits[task]), stage: stages[task].lowerBound + stage)
        totals[task] += change
        return change
    }

    /// Takes in what a stage cost; returns by how much its cost changed. Not called where jobs run alone.
    @inline(__always)
    mutating func recordCost(_ cost: Nanoseconds, of task: Int, stage: Int) -> Nanoseconds {
        let change = costs.record(min(cost, limits[task]), stage: stages[task].lowerBound + stage)
        totalCosts[task] += change
        return change
    }

    /// A release of a task was rejected and takes the place of the oldest sample of each stage; MRET stays until the next sample.
    mutating func skipRelease(of task: Int) {
        for stage in stages[task] { times.skip(stage: stage) }
    }

    /// Forgets the oldest sample of a stage; returns by how much its cost changed.
    mutating func expireOldest(of task: Int, stage: Int) -> Nanoseconds {
        let place = stages[task].lowerBound + stage
        let change = times.expireOldest(stage: place)
        totals[task] += change
        guard sharesLanes else { return change }
        let changeOfCost = costs.expireOldest(stage: place)
        totalCosts[task] += changeOfCost
        return changeOfCost
    }

    /// Whether every MRET is the maximum of its samples, in words if not.
    func violation() -> String? {
        for task in stages.indices {
            if stages[task].reduce(.zero, { $0 + times[$1] }) != totals[task] {
                return "the MRET of task \(task) is not its stages'"
            }
            if sharesLanes, stages[task].reduce(.zero, { $0 + costs[$1] }) != totalCosts[task] {
                return "the cost of task \(task) is not its stages'"
            }
            for stage in stages[task] {
                let samples = times.recentSamples(stage: stage)
                if samples.count > windowSize { return "the window of stage \(stage) is too long" }
                if let maximum = samples.max(), times.hasGaps ? maximum > times[stage] : maximum != times[stage] {
                    return "the MRET of stage \(stage) is \(times[stage]), not \(maximum)"
                }
            }
        }
        return nil
    }
}
