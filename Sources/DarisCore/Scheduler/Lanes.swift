/// What runs on each lane: one stage of one or more jobs. The owner of the lanes.
struct Lanes: Sendable {
    let streams: Int
    private var running: ContiguousArray<(leader: Dispatch.Member, stage: Int, start: Nanoseconds)>
    /// By lane: the jobs that run with the leader. Empty where batches are never run.
    private var others: ContiguousArray<[Dispatch.Member]>
    /// By context.
    private var idle: ContiguousArray<Int>
    /// What ran on the lane that has become idle last. Its storage and the lanes' change places, so that none is allocated
    /// unless a record still holds it.
    private var ended: (leader: Dispatch.Member, others: [Dispatch.Member], stage: Int)

    private static let none = Dispatch.Member(JobID(task: -1, sequence: -1), instance: -1)

    /// Idle lanes, with room for dispatches of so many jobs.
    init(_ partition: Partition, jobs: Int) {
        streams = partition.streams
        running = ContiguousArray(repeating: (Self.none, 0, .zero), count: partition.lanes)
        func empty() -> [Dispatch.Member] {
            var room: [Dispatch.Member] = []
            room.reserveCapacity(jobs)
            return room
        }
        others = jobs > 1 ? ContiguousArray((0..<partition.lanes).map { _ in empty() }) : []
        ended = (Self.none, jobs > 1 ? empty() : [], 0)
        idle = ContiguousArray(repeating: partition.streams, count: partition.contexts)
    }

    /// What runs on a busy lane.
    subscript(lane: Int) -> Dispatch {
        Dispatch(
            stage: running[lane].stage, lane: lane, job: running[lane].leader, with: others.isEmpty ? [] : others[lane])
    }

    @inline(__always)
    func lanes(of context: Int) -> Range<Int> { context * streams..<(context + 1) * streams }
    @inline(__always)
    func isIdle(_ lane: Int) -> Bool { running[lane].leader.job.task < 0 }
    @inline(__always)
    func start(_ lane: Int) -> Nanoseconds { running[lane].start }

    /// Whether the stage that runs on a lane was dispatched for this job.
    @inline(__always)
    func runs(_ job: JobID, on lane: Int) -> Bool {
        running.indices.contains(lane) && running[lane].leader.job == job && job.task >= 0
    }

    /// An idle lane of a context: the preferred one if it is that, else the first.
    @inline(__always)
    func idleLane(of context: Int, preferring lane: Int?) -> Int? {
        guard idle[context] > 0 else { return nil }
        if let lane, lane / streams == context, isIdle(lane) { return lane }
        var first = context * streams
        while !isIdle(first) { first += 1 }
        return first
    }

    /// Gives a lane a stage of a job: an idle one, or one that has just been given the same stage of another.
    @inline(__always)
    mutating func begin(_ job: Dispatch.Member, stage: Int, lane: Int, at now: Nanoseconds) {
        guard isIdle(lane) else { return others[lane].append(job) }
        running[lane] = (job, stage, now)
        idle[lane / streams] -= 1
    }

    /// The stage that ran on the lane that has become idle last, how many jobs ran it, and which.
    var endedStage: Int { ended.stage }
    var endedCount: Int { ended.others.count + 1 }
    @inline(__always)
    func endedJob(_ place: Int) -> Dispatch.Member { place == 0 ? ended.leader : ended.others[place - 1] }

    /// Makes a busy lane idle.
    @inline(__always)
    mutating func end(_ lane: Int) {
        (ended.stage, ended.leader) = (running[lane].stage, running[lane].leader)
        running[lane].leader = Self.none
        if !others.isEmpty {
            swap(&ended.others, &others[lane])
            others[lane].removeAll(keepingCapacity: true)
        }
        idle[lane / streams] += 1
    }

    /// Whether a lane runs one stage and a stage is on one lane, in words if not.
    func violation(_ jobs: JobTable) -> String? {
        var onLanes = 0
        for lane in running.indices {
            guard !isIdle(lane) else { continue }
            let members = [running[lane].leader] + (others.isEmpty ? [] : others[lane])
            for member in members {
                let (id, index) = (member.job, member.instance)
                guard jobs[index].id == id, jobs[index].phase == .running, jobs[index].lane == lane,
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
