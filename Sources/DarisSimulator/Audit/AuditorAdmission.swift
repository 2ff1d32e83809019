import DarisCore

/// The admission test and migration, from the design's words.
extension Auditor {
    /// uᵢ + U_k^{LP,active} < N_s − U_k^HP, on a context that is alive; with batching the left side is
    /// multiplied by the safety factor.
    func fits(_ index: Int, _ context: Int, until deadline: Int64? = nil) -> Bool {
        guard let deadline, batching.isOn, options.follows(.forecast) else { return hasRoom(index, context) }
        return hasRoom(index, context) && isInTime(index, context, until: deadline, work: contexts[context].work)
    }

    /// The forecast: work / N_s + the job's own time within the time that is left. A job takes its MRET at least, and as long as the
    /// largest batch, but that at most 40 % of the task's deadline.
    private func isInTime(_ index: Int, _ context: Int, until deadline: Int64, work: Int64) -> Bool {
        let batch = min(
            Int128(batching.remaining(of: index, from: 0)), Int128(tasks[index].relativeDeadline) * 80 / 200)
        let finish = Int128(work / Int64(partition.streams)) + max(Int128(tasks[index].mret), batch)
        return finish <= Int128(deadline - now)
    }

    private func hasRoom(_ index: Int, _ context: Int) -> Bool {
        contexts[context].isAlive
            && admits(tasks[index].utilisation, beside: contexts[context].activeLowPriority, on: context)
    }

    private func admits(_ own: Int64, beside lowPriority: Int64, on context: Int) -> Bool {
        if published.sharedAdmission { return admitsByShares(own, beside: lowPriority, on: context) }
        let counted = Int128(own + lowPriority) * Int128(contexts[context].safetyFactor) / 65_536
        return counted < Int128(partition.streams) * 1_000_000_000 - Int128(contexts[context].highPriority)
    }

    /// With batching, LP jobs that end in time or late teach a context its safety factor.
    mutating func learnSafetyFactor(_ job: Int, _ reason: FateReason) {
        let (context, release) = (instances[job].context, instances[job].release.release)
        guard batching.isOn, options.follows(.safetyFactor), !tasks[instances[job].task].isHigh else { return }
        let factor = contexts[context].safetyFactor
        // With near misses a job counts as late from 95 % of its deadline on.
        let span = Int128(instances[job].release.deadline - release)
        let isNear = options.follows(.nearMisses) && Int128(now - release) > span * 95 / 100
        if reason == .onTime, !isNear { contexts[context].safetyFactor = max(65_536, factor - factor / 4096) }
        guard reason == .late || reason == .deadlinePassed || reason == .onTime && isNear,
            release >= contexts[context].safetyFactorRaised
        else { return }
        contexts[context].safetyFactor = min(16 * 65_536, factor + factor / 4)
        contexts[context].safetyFactorRaised = now
    }

    /// A job that is rejected where no LP job is in flight takes an eighth of the safety factor away.
    mutating func lowerSafetyFactor(of home: Int) {
        guard batching.isOn, options.follows(.safetyFactor), contexts[home].activeLowPriority == 0 else { return }
        let factor = contexts[home].safetyFactor
        contexts[home].safetyFactor = max(65_536, factor - factor / 8)
    }

    /// Whether jobs of the task are admitted by the test alone.
    func isTested(_ index: Int) -> Bool {
        !tasks[index].isHigh && options.policy == .daris && options.admission
    }

    func checkAdmission(
        _ index: Int, _ release: AuditedRelease, home: Int, to context: Int, migrated: Bool
    ) throws(Violation) {
        let deadline = release.deadline
        try require(
            contexts.indices.contains(context) && contexts[context].isAlive, .admission,
            "a job of task \(index) was admitted on context \(context), which is not there")
        try require(
            migrated == (context != home), .admission,
            "a job of task \(index), whose context is \(home), was admitted on \(context) with 'migrated' \(migrated)")
        guard isTested(index) else {
            try require(
                context == home, .admission,
                "a job of task \(index), which always runs on context \(home), was admitted on \(context)")
            return
        }
        try require(
            fits(index, context, until: deadline), .admission,
            "a job of task \(index) was admitted, but \(comparison(index, context))")
        if context == home { return }
        try require(options.migration, .admission, "a job of task \(index) migrated, though migration is off")
        try require(
            !fits(index, home, until: deadline), .admission,
            "a job of task \(index) migrated, though \(comparison(index, home))")
        if published.movesHomes { return try checkMove(index, home: home, to: context) }
        if let best = target(index, home: home, until: deadline), best != context {
            throw violation(
                .admission,
                """
                a job of task \(index) migrated to context \(context) (done in \(predictedFinish(index, context)) ns), \
                though context \(best) goes first (done in \(predictedFinish(index, best)) ns)
                """)
        }
    }

    /// Whether a job that was rejected fitted nowhere.
    func checkRejection(_ index: Int, home: Int, _ release: AuditedRelease) throws(Violation) {
        try require(
            isTested(index), .admission, "\(name(index, release)) was rejected, though its task needs no admission")
        if published.movesHomes { return try checkNoMove(index, home: home, release) }
        for context in contexts.indices where context == home || options.migration {
            try require(
                !fits(index, context, until: release.deadline), .admission,
                "\(name(index, release)) was rejected, though \(comparison(index, context))")
        }
    }

    /// The context to migrate to: the earliest predicted finish, then the least active utilisation, then the lowest.
    private func target(_ index: Int, home: Int, until deadline: Int64) -> Int? {
        var best: (finish: Int64, active: Int64, context: Int)?
        for context in contexts.indices where context != home && fits(index, context, until: deadline) {
            let candidate = (predictedFinish(index, context), contexts[context].activeLowPriority, context)
            if best.map({ candidate < $0 }) ?? true { best = candidate }
        }
        return best?.context
    }

    private func predictedFinish(_ index: Int, _ context: Int) -> Int64 {
        contexts[context].work / Int64(partition.streams) + tasks[index].mret
    }

    // MARK: - Tasks that could never be admitted again

    /// Why a release that was rejected was: its utilisation fits nowhere, or where it does it would end late.
    func reasonOfRejection(_ index: Int, home: Int) -> FateReason {
        guard batching.isOn, options.follows(.forecast) else { return .noContextFits }
        return contexts.indices.contains { ($0 == home || options.migration) && hasRoom(index, $0) }
            ? .wouldBeLate : .noContextFits
    }

    /// Whether the task would be admitted somewhere with no other LP job in flight, and no work.
    func fitsSomewhereAlone(_ index: Int, until deadline: Int64) -> Bool {
        contexts.indices.contains { context in
            (options.migration && !published.movesHomes || tasks[index].jobs.contains { instances[$0].home == context })
                && contexts[context].isAlive
                && admits(tasks[index].utilisation, beside: 0, on: context)
                && (!batching.isOn || !options.follows(.forecast)
                    || isInTime(index, context, until: deadline, work: 0))
        }
    }

    /// Forgets the oldest sample of every stage: the rule that lets such a task come back.
    mutating func forget(_ index: Int) {
        for stage in 0..<tasks[index].stageCount {
            let place = tasks[index].firstStage + stage
            let change = times.forgetOldest(stage: place)
            tasks[index].mret += change
            changeCost(
                of: stage, index, by: batching.isOn ? batching.costs.forgetOldest(stage: place) : change, except: -1)
        }
    }

    /// The inequality as it stands, in lanes.
    func comparison(_ index: Int, _ context: Int) -> String {
        let account = contexts[context]
        func lanes(_ billionths: Int64) -> Double { Double(billionths) / 1e9 }
        return """
            on context \(context) \(lanes(tasks[index].utilisation)) + \(lanes(account.activeLowPriority)) is \
            \(fits(index, context) ? "" : "not ")less than \(partition.streams) − \(lanes(account.highPriority))
            """
    }
}
