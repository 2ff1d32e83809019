/// What runs on each lane: one stage of one or more jobs. The owner of the lanes.
struct Lanes: Sendable {
    let streams: Int
    private var running: ContiguousArray<Dispatch>
    /// When each lane's stage was dispatched.
    private var starts: ContiguousArray<Nanoseconds>
    /// By context.
    private var idle: ContiguousArray<Int>
    /// What ran on the lane that has become idle last; its storage and the lanes' change places, so that none is allocated.
    private(set) var ended: Dispatch

    /// Idle lanes, with room for dispatches of so many jobs.
    init(_ partition: Partition, jobs: Int) {
        func empty(_ lane: Int) -> Dispatch {
            var dispatch = Dispatch(stage: 0, lane: lane, jobs: [])
            dispatch.jobs.reserveCapacity(jobs)
            return dispatch
        }
        streams = partition.streams
        running = ContiguousArray((0..<partition.lanes).map(empty))
        ended = empty(-1)
        starts = ContiguousArray(repeating: .zero, count: partition.lanes)
        idle = ContiguousArray(repeating: partition.streams, count: partition.contexts)
    }

    var indices: Range<Int> { running.indices }
    /// What runs on a lane; no jobs if it is idle.
    subscript(lane: Int) -> Dispatch { running[lane] }

    func lanes(of context: Int) -> Range<Int> { context * streams..<(context + 1) * streams }
    func isIdle(_ lane: Int) -> Bool { running[lane].jobs.isEmpty }
    func start(_ lane: Int) -> Nanoseconds { starts[lane] }

    /// Whether the stage that runs on a lane was dispatched for this job.
    func runs(_ job: JobID, on lane: Int) -> Bool { running.indices.contains(lane) && running[lane].jobs.first == job }

    /// An idle lane of a context: the preferred one if it is that, else the first.
    func idleLane(of context: Int, preferring lane: Int?) -> Int? {
        guard idle[context] > 0 else { return nil }
        if let lane, lane / streams == context, isIdle(lane) { return lane }
        var first = context * streams
        while !isIdle(first) { first += 1 }
        return first
    }

    /// Gives an idle lane a stage of a job.
    mutating func begin(_ job: JobID, stage: Int, lane: Int, at now: Nanoseconds) {
        running[lane].stage = stage
        running[lane].jobs.append(job)
        starts[lane] = now
        idle[lane / streams] -= 1
    }

    /// Has another job run the stage that has just been given to a lane.
    mutating func add(_ job: JobID, lane: Int) { running[lane].jobs.append(job) }

    /// Makes a busy lane idle; what ran there is in `ended`.
    mutating func end(_ lane: Int) {
        (ended.stage, ended.lane) = (running[lane].stage, lane)
        swap(&ended.jobs, &running[lane].jobs)
        running[lane].jobs.removeAll(keepingCapacity: true)
        idle[lane / streams] += 1
    }

    /// Whether a lane runs one stage and a stage is on one lane, in words if not.
    func violation(_ jobs: JobTable) -> String? {
        var onLanes = 0
        for lane in running.indices {
            for id in running[lane].jobs {
                guard let index = jobs.index(of: id), jobs[index].phase == .running, jobs[index].lane == lane,
                    jobs[index].context == lane / streams, jobs[index].stage == running[lane].stage
                else { return "lane \(lane) runs \(id), which does not know of it" }
                onLanes += 1
            }
        }
        var inRunning = 0
        for job in jobs.indices where jobs[job].phase == .running { inRunning += 1 }
        if onLanes != inRunning { return "\(inRunning) jobs are running, but \(onLanes) are on lanes" }
        for context in idle.indices {
            let free = lanes(of: context).count { isIdle($0) }
            if free != idle[context] { return "context \(context) has \(free) idle lanes, not \(idle[context])" }
        }
        return nil
    }
}
