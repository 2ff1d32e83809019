import DarisCore

/// Contexts that are lost and come back, tasks that come and go.
extension ReferenceScheduler {
    mutating func lose(_ context: Int) {
        guard isAlive.indices.contains(context), isAlive[context] else { return }
        isAlive[context] = false
        if !has(.keepsHomes) { placeHomeless() }
        let onLanes = inFlight.filter { $0.context == context && $0.lane != nil && $0.leader == nil }
            .sorted { $0.lane! < $1.lane! }.flatMap { members(of: $0.id) }
            .compactMap { id in inFlight.first { $0.id == id } }
        let others = inFlight.filter { has(.lossHitsOthers) && $0.context != context }.prefix(1)
        for job in onLanes + (has(.lossSparesQueue) ? [] : ready(context)) + others {
            guard let index = inFlight.firstIndex(where: { $0.id == job.id }) else { continue }
            companions[job.id] = nil
            end(index, .failed, has(.givesWrongReason) ? .stageFailed : .contextLost, lane: nil)
        }
    }

    mutating func restore(_ context: Int) {
        guard isAlive.indices.contains(context), !isAlive[context] else { return }
        isAlive[context] = true
        for task in homes.indices where isIn[task] && originalHomes[task] == context && !has(.bringsNobodyBack) {
            homes[task] = context
        }
        placeHomeless()
    }

    mutating func placeHomeless() {
        guard isAlive.contains(true) else { return }
        place(homes.indices.filter { isIn[$0] && !isAlive[homes[$0]] })
    }

    mutating func remove(_ task: Int) {
        guard isIn.indices.contains(task), isIn[task] else { return }
        isIn[task] = false
        for job in waiting where job.id.task == task { tell(job, .dropped, .taskRemoved) }
        waiting.removeAll { $0.id.task == task }
        if has(.dropsReadyOfRemoved), let index = inFlight.firstIndex(where: { $0.id.task == task && $0.lane == nil }) {
            end(index, .dropped, .taskRemoved, lane: nil)
        }
    }

    mutating func add(_ task: Int) {
        guard isIn.indices.contains(task), !isIn[task] else { return }
        if isAlive.contains(true) {
            place([task])
            if has(.addsToLastContext) { homes[task] = isAlive.lastIndex(of: true)! }
            originalHomes[task] = homes[task]
        }
        isIn[task] = true
    }
}
