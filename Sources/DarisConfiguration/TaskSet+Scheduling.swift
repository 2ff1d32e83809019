import DarisCore

extension TaskSet {
    /// The tasks with their AFETs, in the order of `tasks`, their rates scaled to the load if there is one.
    ///
    /// A deadline of a task's own is a fact about the world and stays; one taken from the period follows it.
    ///
    /// - Throws: An error whose field is `load` if the rates cannot be scaled to it.
    package func specifications(afets: [[Nanoseconds]]) throws(ConfigurationError) -> [TaskSpecification] {
        var specifications = zip(tasks, afets).map { task, afet in
            TaskSpecification(
                name: task.name, period: task.period, deadline: task.deadline, priority: task.priority,
                batch: task.batch, instances: task.instances, lateness: task.lateness, overrun: task.overrun, afet: afet
            )
        }
        guard let load else { return specifications }
        // A task with a rate of its own releases as many jobs whatever its instances; one that is served, as many as it runs.
        let total = zip(tasks, specifications).reduce(0) { total, task in
            let jobs = task.0.arrival == .sporadic() ? Double(task.1.instances) : 1
            return total + jobs * task.1.totalAFET.inSeconds / task.1.period.inSeconds
        }
        let factor = total / (load * Double(partition.lanes))
        guard factor > 0, factor.isFinite else {
            throw ConfigurationError(
                file: source, field: "load",
                message: "the rates cannot be scaled to a load, since the tasks take no measurable time; remove 'load'")
        }
        for index in specifications.indices {
            let seconds = specifications[index].period.inSeconds * factor
            guard (1e-5...SchedulerConfiguration.longestTime.inSeconds).contains(seconds) else {
                throw ConfigurationError(
                    file: source, field: "load",
                    message: "scaling the rates to a load of \(Int(load * 100)) % would give task "
                        + "'\(specifications[index].name)' a period of \(seconds) s; choose another load")
            }
            let period = Nanoseconds.seconds(seconds)
            specifications[index].period = period
            if tasks[index].deadline == nil { specifications[index].deadline = period }
        }
        return specifications
    }

    /// What the user should know of how these tasks will be scheduled: LP tasks that fit nowhere, and jitters that a load
    /// has made longer than their periods.
    package func notes(on configuration: SchedulerConfiguration) -> [String] {
        tasksThatNeverFit(configuration) + cutJitters(configuration.tasks)
    }

    /// Copies of a task that would be served as models of their own, where one model with instances may be meant.
    package var copiedModelNotes: [String] {
        declarations.compactMap { name, copies in
            guard copies.count > 1, case .sporadic = tasks[copies.lowerBound].arrival else { return nil }
            return "'count: \(copies.count)' makes \(copies.count) models of task '\(name)', '\(name)-1' to "
                + "'\(name)-\(copies.count)'; write 'instances: \(copies.count)' for one model '\(name)' that runs "
                + "\(copies.count) requests at a time"
        }
    }

    /// The declarations that the tasks come from: a task by itself, or copies of one under its name without their numbers.
    private var declarations: [(name: String, tasks: Range<Int>)] {
        var found: [(name: String, tasks: Range<Int>)] = []
        var rest = tasks.indices
        while let index = rest.first {
            let count = copies(at: index)
            let name = count > 1 ? String(tasks[index].name.dropLast(2)) : tasks[index].name
            found.append((name, index..<index + count))
            rest = rest.dropFirst(count)
        }
        return found
    }

    /// LP tasks that the admission test rejects even where no other LP job is in flight.
    private func tasksThatNeverFit(_ configuration: SchedulerConfiguration) -> [String] {
        guard configuration.options.policy == .daris, configuration.options.admission else { return [] }
        let scheduler = Scheduler(configuration)
        func fits(_ index: Int) -> Bool {
            let contexts =
                configuration.options.migration
                ? Array(0..<configuration.partition.contexts) : scheduler.homes(of: index)
            return contexts.contains {
                scheduler.context($0).admits(
                    scheduler.utilisation(of: index), streams: configuration.partition.streams)
            }
        }
        return declarations.compactMap { name, copies in
            let unfit = copies.filter { configuration.tasks[$0].priority == .low && !fits($0) }
            guard let first = unfit.first else { return nil }
            let share = (scheduler.utilisation(of: first).fraction * 100).rounded() / 100
            let (subject, needs, rate) =
                unfit.count == 1
                ? ("task '\(name)'", "needs", "its rate")
                : ("\(unfit.count) tasks of '\(name)'", "each need", "their rate")
            let outlook =
                configuration.options.batching == nil
                ? "all jobs will be rejected; lower \(rate)"
                : "jobs will be rejected until batches have made them cheaper"
            return "\(subject) \(needs) \(Quantity.formatNumber(share)) of a lane, more than high-priority tasks leave "
                + "of any context: \(outlook)"
        }
    }

    private func cutJitters(_ specifications: [TaskSpecification]) -> [String] {
        zip(tasks, specifications).compactMap { task, specification in
            guard case .jitter(let jitter) = task.arrival, jitter > specification.period else { return nil }
            return "task '\(task.name)' has a jitter of \(Quantity.format(jitter)), longer than the period that the "
                + "load gives it: its releases are spread over that period of "
                + "\(Quantity.formatNumber((specification.period.inMilliseconds * 1000).rounded() / 1000)) ms instead"
        }
    }
}

extension SchedulerConfiguration {
    /// Contexts whose HP tasks alone need more lanes than there are, by AFET; with batching by what jobs cost in the largest batches that
    /// may be used.
    package var overloadedContexts: [(context: Int, utilisation: Double, tasks: [String])] {
        let instances = instances
        return (0..<partition.contexts).compactMap { context in
            let high = tasks.indices.filter { index in
                tasks[index].priority == .high && homes[instances[index]].contains(context)
            }
            let utilisation = high.reduce(0) { sum, index in
                let here = homes[instances[index]].count { $0 == context }
                return sum + Double(here) * batchedCost(of: index).inSeconds / tasks[index].period.inSeconds
            }
            // Periods are whole nanoseconds and may be as short as 10 µs, so a load of 100 % may come out a hair above.
            guard utilisation > Double(partition.streams) * (1 + 1e-4) else { return nil }
            return (context, utilisation, high.map { tasks[$0].name })
        }
    }
}

extension SchedulerConfiguration {
    /// What a job of a task costs: its AFET, or its share of the largest batch that the rules allow and a quarter of a context's tasks can
    /// make, if that is less.
    private func batchedCost(of index: Int) -> Nanoseconds {
        let alone = tasks[index].totalAFET
        guard options.follows(.cost), let group = tasks[index].batchGroup, let sizes = batchGroups?[group].sizes else {
            return alone
        }
        let members = tasks.filter { $0.batchGroup == group }
        let deadline = members.map(\.deadline).min() ?? .zero
        let most = members.reduce(0) { $0 + $1.instances } / partition.contexts / 4
        return sizes.reduce(alone) { least, size in
            let time = size.afet.reduce(.zero, +)
            let isUsed =
                size.jobs <= min(most, options.largestBatch)
                && (!options.follows(.sizes) || BatchingRule.allows(time, within: deadline))
            return isUsed ? min(least, Nanoseconds(time.rawValue / Int64(size.jobs))) : least
        }
    }
}

extension TaskSet {
    /// When each task's jobs are released, drawn from the run's seed; `nil` for tasks whose jobs come from outside.
    ///
    /// What is random in one task depends on its place in the list alone, not on how another's jobs arrive. A phase
    /// that was not given is drawn within the period, for periodic tasks with or without jitter and for sporadic ones.
    ///
    /// - Parameters:
    ///   - periods: Tᵢ of each task, in the order of `tasks`: those declared, or those scaled to a load.
    ///   - generatingSporadic: Whether sporadic tasks release jobs by themselves, as in a simulation, instead of having
    ///     them submitted.
    package func arrivalSequences(periods: [Nanoseconds], generatingSporadic: Bool) -> [ArrivalSequence?] {
        precondition(periods.count == tasks.count, "each task needs a period")
        // Both drawn for every task, whether it needs them or not.
        var phases = SplitMix64(seed: run.seed)
        var seeds = SplitMix64(seed: ~run.seed)
        return zip(tasks, periods).map { task, period in
            let randomPhase = Nanoseconds(Int64(phases.next() % UInt64(period.rawValue)))
            let seed = seeds.next()
            let phase: Nanoseconds
            switch task.arrival {
            case .periodic, .jitter: phase = task.phase ?? randomPhase
            case .sporadic:
                guard generatingSporadic else { return nil }
                phase = randomPhase
            case .poisson, .bursts, .trace: phase = .zero
            }
            return ArrivalSequence(task.arrival.process, period: period, phase: phase, seed: seed)
        }
    }
}
