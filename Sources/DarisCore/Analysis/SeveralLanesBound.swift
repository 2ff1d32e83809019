/// Response bounds on m lanes, whatever the order of the stages (docs/analysis.md, theorem 3).
///
/// While a job of task i waits, all m lanes are busy with stages of other jobs, or with blockers that began before it waited. So
/// its last stage, before which E = C_i − c_last of it is done, begins at the latest s after its release, where
///
///     s = E + ⌊(blocked + Σ_k min(W_k(s + 1), s + 1 − E)) / m⌋
///
/// W_k(x) is the most that task k can do within x: jobs as dense as its period allows, the first of them as late as its own bound
/// R_k allows (Bertogna and Cirinei 2007). A second form looks at a longer window, from the moment on since when all lanes were
/// busy: at its start at most m − 1 jobs are under way, so that all tasks but m − 1 begin with a release (Guan et al. 2009). The
/// smaller counts. The bounds of all tasks are found together, upwards from their execution times: where each R_i is at least what
/// the formulas give for it, the first job ever to exceed its bound would contradict them.
///
/// *Blocked.* An LP stage never begins while an HP stage waits. Such a time of waiting begins with a release, since a stage that
/// ends frees the lane for its successor. At the first at most m LP stages run, and at those in which the job waits again at most
/// m − 1, as the lane that it left has an HP stage. There are no more of these than stages after the first, and than other jobs
/// released meanwhile.
/// Sources: Bertogna and Cirinei, RTSS 2007; Guan, Stigge, Yi and Yu, RTSS 2009.
struct SeveralLanesBound {
    private let tasks: [Contention.Task]
    private let lanes: Int64
    private let blockers: [Int64]
    private let preemption: Int64
    private let isBatched: Bool

    /// How many periods and deadlines a bound may be.
    static let horizon: Int64 = 16
    private static let stepLimit = 10_000
    private static let roundLimit = 1000
    /// R_k is rounded up to a part of the period, so that rounds come to an end.
    private static let grain: Int64 = 4096

    init(_ contention: Contention) {
        tasks = contention.tasks
        lanes = Int64(contention.lanes)
        blockers = contention.blockers
        preemption = contention.preemption
        isBatched = contention.isBatched
    }

    /// One for each task.
    var answers: [Result<ResponseBound.Answer, ResponseBound.Gap>] {
        // R_k: what the formulas of others suppose; `nil` where nothing is known.
        var supposed: [Int64?] = tasks.map { $0.total }
        var found: [(response: Int64, blocked: Int64)?] = tasks.map { _ in nil }
        var isStable = false
        for _ in 0..<Self.roundLimit where !isStable {
            isStable = true
            for (index, task) in tasks.enumerated() {
                guard let before = supposed[index] else { continue }
                found[index] = response(of: index, supposed)
                if let response = found[index]?.response {
                    if response <= before { continue }
                    let grain = max(1, task.period / Self.grain)
                    supposed[index] = (response + grain - 1) / grain * grain
                } else {
                    supposed[index] = nil
                }
                isStable = false
            }
        }
        return tasks.indices.map { index in
            guard isStable else { return .failure(.overload) }
            guard let answer = found[index] else { return .failure(.tooLong) }
            let lasting = Limited.product(preemption, Int64(tasks[index].stages))
            return .success(
                ResponseBound.Answer(
                    response: answer.response, blocking: answer.blocked / lanes + lasting, theorem: .severalLanes))
        }
    }

    // MARK: - One task

    private func response(of index: Int, _ supposed: [Int64?]) -> (response: Int64, blocked: Int64)? {
        let task = tasks[index]
        let (near, far) = (inWindow(index, supposed), sinceIdle(index, supposed))
        // Both suppose that a job is not queued at its release. So it is if earlier ones have ended by then; and where jobs take
        // turns, the first form follows them.
        let unqueued = Limited.product(task.period, task.instances)
        let valid = [
            near.flatMap { task.queues && task.instances > 1 && $0.response > unqueued ? nil : $0 },
            far.flatMap { task.queues && $0.response > unqueued ? nil : $0 },
        ]
        return valid.compactMap { $0 }.min { $0.response < $1.response }
    }

    /// From the release on, or from that of the first of several jobs that wait for each other.
    private func inWindow(_ index: Int, _ supposed: [Int64?]) -> (response: Int64, blocked: Int64)? {
        let task = tasks[index]
        var worst: (response: Int64, blocked: Int64) = (0, 0)
        for earlier in 0..<Self.horizon {
            let end = solve(index, jobs: earlier + 1) { window, waiting in
                let later = blockedLater(index, Int64(task.stages) * (earlier + 1) - 1, window)
                let blocked = Limited.sum(first(lanes), later)
                var work = blocked
                for (place, other) in tasks.enumerated() {
                    // Jobs of a task take turns, unless it has several instances.
                    let rivals = place == index ? other.instances - 1 : other.instances
                    if rivals == 0 { continue }
                    let most = carried(other, window, supposed[place])
                    work = Limited.sum(work, min(most, Limited.product(rivals, waiting)))
                }
                return (work, blocked)
            }
            guard let end else { return nil }
            let response = end.response - earlier * task.period
            if response > worst.response { worst = (response, end.blocked) }
            if !task.queues || task.instances > 1 || response <= task.period { return worst }
        }
        return nil
    }

    /// From the moment since when all lanes have been busy; with 0, 1, 2 … earlier jobs of the task after it.
    private func sinceIdle(_ index: Int, _ supposed: [Int64?]) -> (response: Int64, blocked: Int64)? {
        let task = tasks[index]
        guard let busy = busyTime(supposed, limit: Limited.product(Self.horizon, task.period)) else { return nil }
        var worst: (response: Int64, blocked: Int64) = (0, 0)
        for earlier in 0...busy / task.period {
            let end = solve(index) { window, waiting in
                let later = blockedLater(index, Int64(task.stages - 1), window)
                // A job of its own that was under way is over before this one.
                var extra = [task.total]
                var work = Limited.sum(later, Limited.product(earlier, task.total))
                for (place, other) in tasks.enumerated() {
                    if place == index {
                        let all = carried(other, window, supposed[place])
                        work = Limited.sum(work, min(all, Limited.product(other.instances - 1, waiting)))
                    } else {
                        let most = Limited.product(other.instances, waiting)
                        let fresh = min(most, begun(other, window))
                        work = Limited.sum(work, fresh)
                        extra.append(min(most, carried(other, window, supposed[place])) - fresh)
                    }
                }
                let under = underWay(&extra)
                return (Limited.sum(work, under.work), Limited.sum(later, under.blocked))
            }
            guard let end else { return nil }
            let response = end.response - earlier * task.period
            if response > worst.response { worst = (response, end.blocked) }
        }
        return worst
    }

    /// A time for which all lanes cannot be busy without a break; `nil` if it is longer than a limit.
    private func busyTime(_ supposed: [Int64?], limit: Int64) -> Int64? {
        var time: Int64 = 1
        for _ in 0..<Self.stepLimit {
            var (work, extra): (Int64, [Int64]) = (0, [])
            for (place, task) in tasks.enumerated() {
                let most = Limited.product(task.instances, time)
                let fresh = min(most, begun(task, time))
                work = Limited.sum(work, fresh)
                extra.append(min(most, carried(task, time, supposed[place])) - fresh)
            }
            work = Limited.sum(work, underWay(&extra).work)
            if work < lanes * time { return time }
            time = work / lanes + 1
            if time > limit { return nil }
        }
        return nil
    }

    /// The least s of the formula plus the last stage; `nil` beyond the horizon.
    ///
    /// - Parameters:
    ///   - jobs: how many jobs of the task run in the window, one after the other.
    ///   - work: the work of others, and that of blockers in it, in a window of a length, for a time of waiting in it.
    private func solve(
        _ index: Int, jobs: Int64 = 1, _ work: (_ window: Int64, _ waiting: Int64) -> (work: Int64, blocked: Int64)
    ) -> (response: Int64, blocked: Int64)? {
        let task = tasks[index]
        let own = Limited.product(jobs, task.total) - task.lastCost
        let most = Limited.product(Self.horizon, max(task.total, max(task.period, task.deadline)))
        var start = own
        for _ in 0..<Self.stepLimit {
            let found = work(start + 1, start + 1 - own)
            let next = own + found.work / lanes
            if next <= start { return (start + task.lastCost, found.blocked) }
            if next > most { return nil }
            start = next
        }
        return nil
    }

    // MARK: - The work of others

    /// W_k(x) without a job under way: releases from the start of the window on.
    private func begun(_ task: Contention.Task, _ window: Int64) -> Int64 {
        Limited.sum(
            Limited.product(window / task.period, task.total), min(task.total, window % task.period))
    }

    /// W_k(x) where the first job ends as late as its bound allows.
    private func carried(_ task: Contention.Task, _ window: Int64, _ response: Int64?) -> Int64 {
        guard let response else { return Limited.most }
        return begun(task, window + response - task.total)
    }

    /// What the jobs and blockers under way at the start of the window add: at most m of them, at most m − 1 of them jobs.
    private func underWay(_ extra: inout [Int64]) -> (work: Int64, blocked: Int64) {
        extra.sort(by: >)
        var (work, blocked, jobs, place): (Int64, Int64, Int, Int) = (0, 0, 0, 0)
        for _ in 0..<lanes {
            let job = jobs < min(extra.count, Int(lanes) - 1) ? extra[jobs] : 0
            let block = place < blockers.count ? blockers[place] : 0
            if job == 0 && block == 0 { break }
            if job >= block {
                work = Limited.sum(work, job)
                jobs += 1
            } else {
                (work, blocked) = (Limited.sum(work, block), Limited.sum(blocked, block))
                place += 1
            }
        }
        return (work, blocked)
    }

    /// The sum of so many longest blockers.
    private func first(_ count: Int64) -> Int64 { blockers.prefix(Int(count)).reduce(0, Limited.sum) }

    /// What blockers hold after the first time of waiting, in up to so many more.
    private func blockedLater(_ index: Int, _ most: Int64, _ window: Int64) -> Int64 {
        guard !blockers.isEmpty else { return 0 }
        var times = most
        if !isBatched {
            var releases: Int64 = 0
            for (place, other) in tasks.enumerated() where place != index || other.instances > 1 {
                releases = Limited.sum(releases, other.releases(through: window))
            }
            times = min(times, releases)
        }
        return Limited.product(times, first(lanes - 1))
    }
}
