/// Response bounds on one lane (docs/analysis.md, theorems 1 and 2).
///
/// *Any order.* Take the longest time L for which the lane can be busy with the competing tasks, beginning with the longest
/// blocker: L = B + Σ ⌈L / T_k⌉ · C_k. Every job ends within the busy time into which it is released.
///
/// *In order.* Let a job of task i be released a after the moment t₀ from which on there was always a *relevant* stage ready or
/// running: one that goes before the job's stage by its key (virtual deadline) or by its level. A stage that is not relevant never
/// begins while a relevant one is ready, so that at t₀ at most one such stage runs, and all else that matters is released from t₀
/// on. The job's last stage begins at the latest at
///
///     s = B(d) + Σ_{k≠i} Σ_{m·T_k ≤ s} part_k(d − m·T_k) + (1 + ⌊a / T_i⌋) · C_i − c_last        d = a + D_i
///
/// where part_k(x) is the relevant work of a job of k that is released x before d, and B(d) the longest stage that can run at t₀:
/// a blocker, or an irrelevant stage of a task, of which the next job then comes later. The response is the largest of
/// s + c_last − a over all a. This is valid up to d (after it irrelevant stages become late, which is a level of its own); for an
/// a where s > d the first theorem stands in. Where last stages have their level, what counts is the start of the last stage but
/// one, as the last one follows at once (`endAsLast`).
/// Sources: Spuri, INRIA RR-2772, 1996; George, Rivierre and Spuri, INRIA RR-2966, 1996.
struct OneLaneBound {
    private let tasks: [Contention.Task]
    private let levels: (last: Bool, late: Bool)
    private let isOrdered: Bool
    private let blocker: Int64
    private let preemption: Int64
    /// L.
    private let busy: Int64?

    /// The most steps of an iteration.
    private static let stepLimit = 10_000
    /// The most times that the interference of one task is worked out for one other, in its inner loop.
    private static let evaluationLimit = 20_000_000

    init(_ contention: Contention) {
        tasks = contention.tasks
        levels = contention.levels
        blocker = contention.blockers.first ?? 0
        preemption = contention.preemption
        busy = Self.busyPeriod(contention.tasks, blocker: blocker)
        // A release that waits for a job of which a stage is irrelevant is not found by the analysis in order.
        isOrdered =
            !contention.isBatched
            && contention.tasks.allSatisfy { !$0.queues || $0.lastKey - $0.keys[0] <= $0.period }
    }

    /// One for each task.
    var answers: [Result<ResponseBound.Answer, ResponseBound.Gap>] {
        guard let busy else { return tasks.map { _ in .failure(.overload) } }
        var budget = Self.evaluationLimit
        return tasks.indices.map { index in
            let inOrder = isOrdered ? response(of: index, within: busy, &budget) : nil
            let lasting = Limited.product(preemption, Int64(tasks[index].stages))
            return .success(
                ResponseBound.Answer(
                    response: min(inOrder ?? busy, busy), blocking: max(blocker, lasting),
                    theorem: inOrder.map { $0 < busy } ?? false ? .oneLaneInOrder : .oneLaneAnyOrder))
        }
    }

    private static func busyPeriod(_ tasks: [Contention.Task], blocker: Int64) -> Int64? {
        leastFixedPoint(from: tasks.reduce(blocker) { Limited.sum($0, $1.total) }) { length in
            tasks.reduce(blocker) { sum, task in
                Limited.sum(sum, Limited.product(task.releases(through: length - 1), task.total))
            }
        }
    }

    /// The least fixed point of a function that grows, at or after a start that is not beyond it.
    private static func leastFixedPoint(from start: Int64, _ function: (Int64) -> Int64) -> Int64? {
        var value = start
        for _ in 0..<stepLimit {
            let next = function(value)
            if next <= value { return value }
            if next > SchedulerConfiguration.longestTime.rawValue { return nil }
            value = next
        }
        return nil
    }

    // MARK: - In order

    /// The longest response of a task's jobs; `nil` if there are too many releases to try.
    private func response(of index: Int, within busy: Int64, _ budget: inout Int) -> Int64? {
        let task = tasks[index]
        let shortcut = longest(index, within: busy, usesShortcut: true, &budget)
        // The shortcut supposes that a job is not queued at its release; so it is if earlier jobs have ended by then.
        guard task.queues, levels.last, task.stages > 1, let response = shortcut,
            response > Limited.product(task.period, task.instances)
        else {
            return shortcut
        }
        return longest(index, within: busy, usesShortcut: false, &budget)
    }

    private func longest(_ index: Int, within busy: Int64, usesShortcut: Bool, _ budget: inout Int) -> Int64? {
        guard let candidates = candidates(index, within: busy, budget) else { return nil }
        var worst = tasks[index].total
        for offset in candidates where busy - offset > worst {
            var end = busy
            if let plain = endInOrder(index, offset, &budget) { end = min(end, plain) }
            if levels.last, tasks[index].stages == 1 || usesShortcut, let early = endAsLast(index, offset, &budget) {
                end = min(end, early)
            }
            guard budget > 0 else { return nil }
            worst = max(worst, end - offset)
        }
        return worst
    }

    /// The releases a at which the response may be longest: where a stage of another becomes relevant, or one more job of the
    /// task itself comes before. Between them a later release only shortens the response.
    private func candidates(_ index: Int, within busy: Int64, _ budget: Int) -> [Int64]? {
        let task = tasks[index]
        var thresholds = [task.lastKey]
        if levels.last, task.stages > 1 { thresholds.append(task.latestKeys[task.stages - 2]) }
        var found: [Int64] = []
        for release in stride(from: 0, to: busy, by: Int64.Stride(task.period)) {
            found.append(release)
            if found.count > budget { return nil }
        }
        for (place, other) in tasks.enumerated() where place != index {
            for key in other.keys {
                for threshold in thresholds {
                    var offset = key - threshold
                    if offset < 0 { offset += (-offset + other.period - 1) / other.period * other.period }
                    while offset < busy {
                        found.append(offset)
                        if found.count > budget { return nil }
                        offset += other.period
                    }
                }
            }
        }
        found.sort()
        var kept: [Int64] = []
        for offset in found where kept.last != offset { kept.append(offset) }
        return kept
    }

    /// part_k(x): the work of a job that is relevant to a key x after the job's release. The stages with a key up to x, all of
    /// which may be late; then the next one, which goes before others if its predecessor was late; and the last one if it
    /// follows these.
    private func part(_ task: Contention.Task, _ key: Int64) -> Int64 {
        if key >= task.lastKey { return task.total }
        var stages = 0
        while task.keys[stages] <= key { stages += 1 }
        if levels.late && stages > 0 { stages += 1 }
        if levels.last && stages == task.stages - 1 { stages += 1 }
        return task.sums[stages]
    }

    /// The relevant work of the jobs of a task that are released from `first` on, up to `time`.
    private func interference(
        _ task: Contention.Task, from first: Int64 = 0, through time: Int64, key: Int64, _ budget: inout Int
    ) -> Int64 {
        if time < first { return 0 }
        let count = task.releases(through: time - first)
        // Whole jobs: those with every key up to `key`.
        let whole = min(count, task.releases(through: key - first - task.lastKey))
        var work = Limited.product(whole, task.total)
        var release = first + whole * task.period
        budget -= 1
        while release <= time && budget > 0 {
            let part = part(task, key - release)
            // Later jobs have no more than this one.
            if part == 0 { break }
            work = Limited.sum(work, part)
            release += task.period
            budget -= 1
        }
        return work
    }

    /// The relevant work of a task up to `time`, and by how much more one of its irrelevant stages, running at t₀, can delay others.
    ///
    /// Such a stage belongs to a job with a key after `key`, so that the next job of the task comes no earlier than a period
    /// after its release.
    private func work(
        _ task: Contention.Task, through time: Int64, key: Int64, _ budget: inout Int
    ) -> (work: Int64, block: Int64) {
        let work = interference(task, through: time, key: key, &budget)
        var block: Int64 = 0
        // With their own level, last stages are relevant.
        for stage in 0..<(levels.last ? task.stages - 1 : task.stages) where task.latestKeys[stage] > key {
            let next = max(0, key - task.latestKeys[stage] + task.period)
            let rest = next == 0 ? work : interference(task, from: next, through: time, key: key, &budget)
            block = max(block, Limited.sum(self.block(task, stage), rest) - work)
        }
        return (work, block)
    }

    /// How long a stage that runs at t₀ holds the lane, with the last stage of its job if that follows.
    private func block(_ task: Contention.Task, _ stage: Int) -> Int64 {
        let isFollowed = levels.last && stage == task.stages - 2
        return isFollowed ? Limited.sum(task.costs[stage], task.lastCost) : task.costs[stage]
    }

    /// When a job that is released at `offset` ends at the latest, by the order of its last stage.
    private func endInOrder(_ index: Int, _ offset: Int64, _ budget: inout Int) -> Int64? {
        let task = tasks[index]
        let key = offset + task.lastKey
        let start = start(
            index, offset, key: key, own: task.sums[task.stages - 1], &budget)
        return start.map { $0 + task.lastCost }
    }

    /// When a stage begins at the latest, before which `own` of its job is done; `nil` if that is after its key and so unknown.
    private func start(
        _ index: Int, _ offset: Int64, key: Int64, own: Int64, _ budget: inout Int
    ) -> Int64? {
        let task = tasks[index]
        let mine = Limited.sum(own, Limited.product(offset / task.period, task.total))
        var evaluations = budget
        defer { budget = evaluations }
        let start = Self.leastFixedPoint(from: mine) { time in
            var (sum, block) = (mine, blocker)
            for (place, other) in tasks.enumerated() where place != index {
                let found = work(other, through: time, key: key, &evaluations)
                (sum, block) = (Limited.sum(sum, found.work), max(block, found.block))
            }
            if task.instances > 1 {
                sum = Limited.sum(
                    sum, interference(task, from: offset + task.period, through: time, key: key, &evaluations))
            }
            return Limited.sum(sum, block)
        }
        guard let start, !levels.late || start <= key else { return nil }
        return start
    }

    /// When a job ends at the latest by the level of last stages.
    ///
    /// The last stage of a job follows the one before it at once, unless a task of a single stage, which is always a last one, is
    /// due before. So what counts is when the last stage but one begins; and a job of a single stage waits for its like alone.
    private func endAsLast(_ index: Int, _ offset: Int64, _ budget: inout Int) -> Int64? {
        let task = tasks[index]
        let due = offset + task.lastKey
        guard task.stages > 1 else {
            var blocking = blocker
            for (place, other) in tasks.enumerated() where place != index && (other.stages > 1 || other.lastKey > due) {
                for stage in other.costs.indices { blocking = max(blocking, block(other, stage)) }
            }
            let base = Limited.sum(blocking, Limited.product(offset / task.period, task.total))
            return singles(index, from: base, after: -1, due: due, &budget).map { $0 + task.lastCost }
        }
        let stage = task.stages - 2
        // What goes before it by its own key, and what goes before it by the deadline, are bounds both.
        return [offset + task.latestKeys[stage], due].compactMap { key in
            start(index, offset, key: key, own: task.sums[stage], &budget).flatMap { start in
                singles(index, from: start + task.costs[stage], after: start, due: due, &budget)
            }
        }.min().map { $0 + task.lastCost }
    }

    /// When a last stage begins that is ready at `time` or after jobs of a single stage that are released after `start` and due
    /// up to `due`.
    private func singles(
        _ index: Int, from time: Int64, after start: Int64, due: Int64, _ budget: inout Int
    ) -> Int64? {
        budget -= tasks.count
        return Self.leastFixedPoint(from: time) { end in
            var sum = time
            for (place, other) in tasks.enumerated() where place != index && other.stages == 1 {
                let count = other.releases(through: min(end, due - other.lastKey)) - other.releases(through: start)
                sum = Limited.sum(sum, Limited.product(max(0, count), other.total))
            }
            return sum
        }
    }
}
