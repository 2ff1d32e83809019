/// What runs on each lane: one stage of one or more jobs. The owner of the lanes.
struct Lanes: Sendable {
    /// Where a stage may start, and which.
    struct Opening {
        let lane: Int
        /// The stages of which the first in order starts.
        let leaders: ReadyQueues.Part
        /// The stages that may run together with it.
        let companions: ReadyQueues.Part
    }

    /// What a lane runs.
    private struct Run {
        var leader = Lanes.none
        var stage = 0
        var start = Nanoseconds.zero
        /// Whether the leader is HP.
        var isHigh = false
        /// `Context.taken` at the start.
        var taken = Nanoseconds.zero
    }

    private struct Context {
        /// Ordinary and express lanes that are idle.
        var idle: Int
        var idleExpress: Int
        /// Lanes that run HP, and ordinary lanes that run LP; both are counted where there are express lanes alone.
        var high = 0
        var low = 0
        /// What express lanes have taken so far of the time of each LP stage under them, and until when that is counted.
        var taken = Nanoseconds.zero
        var counted = Nanoseconds.zero
    }

    let partition: Partition
    private var running: ContiguousArray<Run>
    /// By lane: the jobs that run with the leader. Empty where batches are never run.
    private var others: ContiguousArray<[Dispatch.Member]>
    private var contexts: ContiguousArray<Context>
    /// What ran on the lane that has become idle last. Its storage and the lanes' change places, so that none is allocated
    /// unless a record still holds it.
    private var ended: (leader: Dispatch.Member, others: [Dispatch.Member], stage: Int)
    /// What express lanes took of the time of that.
    private(set) var endedPreemption = Nanoseconds.zero

    private static let none = Dispatch.Member(JobID(task: -1, sequence: -1), instance: -1)

    /// Idle lanes, with room for dispatches of so many jobs.
    init(_ partition: Partition, jobs: Int) {
        self.partition = partition
        running = ContiguousArray(repeating: Run(), count: partition.laneCount)
        func empty() -> [Dispatch.Member] {
            var room: [Dispatch.Member] = []
            room.reserveCapacity(jobs)
            return room
        }
        others = jobs > 1 ? ContiguousArray((0..<partition.laneCount).map { _ in empty() }) : []
        ended = (Self.none, jobs > 1 ? empty() : [], 0)
        contexts = ContiguousArray(
            repeating: Context(idle: partition.streams, idleExpress: partition.express), count: partition.contexts)
    }

    /// What runs on a busy lane.
    subscript(lane: Int) -> Dispatch {
        Dispatch(
            stage: running[lane].stage, lane: lane, job: running[lane].leader, with: others.isEmpty ? [] : others[lane])
    }

    @inline(__always)
    func isIdle(_ lane: Int) -> Bool { running[lane].leader.job.task < 0 }
    @inline(__always)
    func start(_ lane: Int) -> Nanoseconds { running[lane].start }

    /// Whether the stage that runs on a lane was dispatched for this job.
    @inline(__always)
    func runs(_ job: JobID, on lane: Int) -> Bool {
        running.indices.contains(lane) && running[lane].leader.job == job && job.task >= 0
    }

    /// Where a stage of a context may start next: an HP stage on an ordinary lane, else on an express lane, as long as fewer than
    /// N_s run; an LP stage on an ordinary lane alone. The preferred lane goes before others of its kind.
    ///
    /// - Parameter waiting: whether HP and LP stages are ready.
    @inline(__always)
    func opening(of context: Int, preferring lane: Int?, _ waiting: (high: Bool, low: Bool)) -> Opening? {
        if partition.express == 0 {
            return waiting.high
                ? idleLane(of: context, preferring: lane).map { Opening(lane: $0, leaders: .all, companions: .all) }
                : nil
        }
        let ordinary = idleLane(of: context, preferring: lane)
        if waiting.high, contexts[context].high < partition.streams {
            if let ordinary { return Opening(lane: ordinary, leaders: .high, companions: .all) }
            if let express = idleExpressLane(of: context, preferring: lane) {
                return Opening(lane: express, leaders: .high, companions: .high)
            }
        }
        guard waiting.low, let ordinary else { return nil }
        return Opening(lane: ordinary, leaders: .low, companions: .low)
    }

    /// An idle ordinary lane of a context: the preferred one if it is that, else the first.
    @inline(__always)
    private func idleLane(of context: Int, preferring lane: Int?) -> Int? {
        guard contexts[context].idle > 0 else { return nil }
        if let lane, isIdle(lane), partition.context(of: lane) == context, !partition.isExpress(lane) { return lane }
        var first = partition.lanes(of: context).lowerBound
        while !isIdle(first) { first += 1 }
        return first
    }

    private func idleExpressLane(of context: Int, preferring lane: Int?) -> Int? {
        guard contexts[context].idleExpress > 0 else { return nil }
        if let lane, isIdle(lane), partition.context(of: lane) == context, partition.isExpress(lane) { return lane }
        var last = partition.lanes(of: context).upperBound - 1
        while !isIdle(last) { last -= 1 }
        return last
    }

    /// Gives a lane a stage of a job: an idle one, or one that has just been given the same stage of another.
    @inline(__always)
    mutating func begin(_ job: Dispatch.Member, isHigh: Bool, stage: Int, lane: Int, at now: Nanoseconds) {
        guard isIdle(lane) else { return others[lane].append(job) }
        change(lane, isHigh: isHigh, by: 1, at: now)
        running[lane] = Run(
            leader: job, stage: stage, start: now, isHigh: isHigh, taken: contexts[partition.context(of: lane)].taken)
    }

    /// Counts a lane that becomes busy (1) or idle (-1).
    ///
    /// A context has N_s lanes' worth of time. What express lanes run beyond what ordinary lanes leave idle, they take from the LP
    /// stages under them, in equal parts; there are always as many of those.
    @inline(__always)
    private mutating func change(_ lane: Int, isHigh: Bool, by count: Int, at now: Nanoseconds) {
        let context = partition.context(of: lane)
        guard partition.express > 0 else { return contexts[context].idle -= count }
        var entry = contexts[context]
        let over = partition.express - entry.idleExpress - entry.idle
        if over > 0 && entry.low > 0 {
            entry.taken += Nanoseconds((now - entry.counted).rawValue * Int64(min(over, entry.low)) / Int64(entry.low))
        }
        entry.counted = now
        if partition.isExpress(lane) {
            entry.idleExpress -= count
        } else {
            entry.idle -= count
            if !isHigh { entry.low += count }
        }
        if isHigh { entry.high += count }
        contexts[context] = entry
    }

    /// The stage that ran on the lane that has become idle last, how many jobs ran it, and which.
    var endedStage: Int { ended.stage }
    var endedCount: Int { ended.others.count + 1 }
    @inline(__always)
    func endedJob(_ place: Int) -> Dispatch.Member { place == 0 ? ended.leader : ended.others[place - 1] }

    /// Makes a busy lane idle.
    @inline(__always)
    mutating func end(_ lane: Int, at now: Nanoseconds) {
        let isHigh = running[lane].isHigh
        change(lane, isHigh: isHigh, by: -1, at: now)
        endedPreemption =
            isHigh ? .zero : contexts[partition.context(of: lane)].taken - running[lane].taken
        (ended.stage, ended.leader) = (running[lane].stage, running[lane].leader)
        running[lane].leader = Self.none
        if !others.isEmpty {
            swap(&ended.others, &others[lane])
            others[lane].removeAll(keepingCapacity: true)
        }
    }

    /// Whether a lane runs one stage and a stage is on one lane, in words if not.
    func violation(_ jobs: JobTable, _ tasks: TaskTable) -> String? {
        var onLanes = 0
        for lane in running.indices {
            guard !isIdle(lane) else { continue }
            let members = [running[lane].leader] + (others.isEmpty ? [] : others[lane])
            for member in members {
                let (id, index) = (member.job, member.instance)
                guard jobs[index].id == id, jobs[index].phase == .running, jobs[index].lane == lane,
                    jobs[index].context == partition.context(of: lane), jobs[index].stage == running[lane].stage
                else { return "lane \(lane) runs \(id), which does not know of it" }
                onLanes += 1
            }
        }
        var inRunning = 0
        for job in jobs.indices where jobs[job].phase == .running { inRunning += 1 }
        if onLanes != inRunning { return "\(inRunning) jobs are running, but \(onLanes) are on lanes" }
        for context in contexts.indices {
            let (lanes, entry) = (partition.lanes(of: context), contexts[context])
            let free = lanes.count { isIdle($0) }
            if free != entry.idle + entry.idleExpress {
                return "context \(context) has \(free) idle lanes, not \(entry.idle) and \(entry.idleExpress)"
            }
            guard partition.express > 0 else { continue }
            let high = lanes.filter { !isIdle($0) && tasks[running[$0].leader.job.task].priority == .high }
            let low = lanes.count { !isIdle($0) } - high.count
            if high.count != entry.high || low != entry.low {
                return
                    "context \(context) runs \(high.count) HP and \(low) LP stages, not \(entry.high) and \(entry.low)"
            }
            if high.count > partition.streams { return "context \(context) runs \(high.count) HP stages" }
        }
        return nil
    }
}
