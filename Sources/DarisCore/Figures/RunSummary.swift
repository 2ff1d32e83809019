/// The figures of a finished run, as `--json` prints them. Times are in milliseconds unless the name says otherwise;
/// rates are fractions from 0 to 1.
package struct RunSummary: Codable, Sendable, Hashable {
    /// Mean, percentiles and maximum of a distribution of times, in milliseconds.
    package struct Times: Codable, Sendable, Hashable {
        /// How many times these figures are of; if 0, all the others are 0 too.
        package var count: Int
        /// The mean.
        package var mean: Double
        /// The median, to about 1 %.
        package var p50: Double
        /// The time that 95 % do not exceed, to about 1 %.
        package var p95: Double
        /// The time that 99 % do not exceed, to about 1 %.
        package var p99: Double
        /// The longest, exact.
        package var max: Double
    }

    /// The same of short times, in nanoseconds.
    package struct ShortTimes: Codable, Sendable, Hashable {
        /// How many times these figures are of; if 0, all the others are 0 too.
        package var count: Int
        /// The median, to about 1 %.
        package var p50: Int64
        /// The time that 99 % do not exceed, to about 1 %.
        package var p99: Int64
        /// The longest, exact.
        package var max: Int64
    }

    /// The figures of a group of jobs: of a priority, or of a task.
    package struct Group: Codable, Sendable, Hashable {
        /// Deadline miss rate. LP: (late + dropped at the deadline + failed + overdue in flight + expired) / (accepted +
        /// expired). HP: skipped releases are misses too, and so count as accepted here. Cancelled jobs are neither.
        package var dmr: Double
        /// The misses of `dmr`, counted.
        package var missed: Int
        /// Accepted / (released + refused); releases of removed tasks are not counted.
        package var acceptance: Double
        /// Jobs released.
        package var released: Int
        /// Neither rejected nor skipped.
        package var accepted: Int
        /// Not admitted, because of the admission test, no context that was left, or a removed task.
        package var rejected: Int
        /// Rejected because the task was removed, which is no miss; counted in `rejected` too.
        package var removed: Int
        /// Not started, since the task's previous job was in flight.
        package var skipped: Int
        /// Run to the end, in time or late.
        package var completed: Int
        /// Completed after the deadline.
        package var late: Int
        /// Given up: at the deadline under `late: drop`, cancelled, or waiting when the task was removed.
        package var dropped: Int
        /// Given up because they were cancelled or their task was removed; counted in `dropped` too.
        package var cancelled: Int
        /// Hit by a failure of a stage or of a context.
        package var failed: Int
        /// Released and not at an end when the run stopped.
        package var inFlight: Int
        /// Admitted by another context than their task's own.
        package var migrated: Int
        /// Requests that a server refused before they became jobs; `nil` in reports that do not tell.
        package var refused: Int?
        /// Requests whose deadline passed while they waited to become jobs; `nil` in reports that do not tell.
        package var expired: Int?
        /// Completed inferences a second.
        package var jps: Double
        /// Release to end of the completed jobs.
        package var responseMs: Times
        /// Deadline to end of the jobs that completed late.
        package var latenessMs: Times
    }

    /// A task's figures.
    package struct Task: Codable, Sendable, Hashable {
        /// Name.
        package var name: String
        /// `HP` or `LP`.
        package var priority: String
        /// The figures of its jobs.
        package var figures: Group
        /// MRET at the end of the run.
        package var mretMs: Double
    }

    /// A context's figures.
    package struct Context: Codable, Sendable, Hashable {
        /// Index.
        package var context: Int
        /// Share of its lanes' time in which a stage ran.
        package var utilisation: Double
        /// How often it was lost.
        package var losses: Int
        /// How often it came back after that.
        package var restores: Int
    }

    /// What was run together.
    package struct Batching: Codable, Sendable, Hashable {
        /// Batches of at least two jobs that ended.
        package var batches: Int
        /// Jobs a batch.
        package var meanJobs: Double
        /// The share of all stages that ran in a batch.
        package var share: Double

        /// Figures of batches.
        package init(batches: Int, meanJobs: Double, share: Double) {
            self.batches = batches
            self.meanJobs = meanJobs
            self.share = share
        }
    }

    /// The energy of a run, of the whole device.
    package struct Energy: Codable, Sendable, Hashable {
        /// From the first release until all jobs had ended, in joules.
        package var totalJ: Double
        /// For each completed inference, in joules; `nil` if none completed.
        package var inferenceJ: Double?
        /// The mean power, in watts.
        package var meanW: Double

        /// The energy of a run.
        ///
        /// - Parameters:
        ///   - joules: that the device used.
        ///   - seconds: in this time; above 0.
        ///   - inferences: that were completed in it.
        package init(joules: Double, seconds: Double, inferences: Int) {
            totalJ = joules
            inferenceJ = inferences > 0 ? joules / Double(inferences) : nil
            meanW = joules / max(seconds, 1e-9)
        }
    }

    /// How long jobs were released, in seconds.
    package var durationS: Double
    /// Until the last job ended, in seconds: what `jps` counts over.
    package var elapsedS: Double
    /// Completed inferences a second: batch × completed jobs / elapsed time.
    package var jps: Double
    /// The jobs of high priority.
    package var hp: Group
    /// The jobs of low priority.
    package var lp: Group
    /// Fates of all jobs.
    package var jobs: JobCounts
    /// Jobs admitted by another context than their task's own.
    package var migrations: Int
    /// Stages that ended.
    package var stages: Int
    /// What was run together; `nil` where batching is off.
    package var batching: Batching?
    /// The energy that the device used; `nil` where it is not counted.
    package var energy: Energy?
    /// How long the scheduler took for an event.
    package var decisionNs: ShortTimes
    /// From a stage's end to the start of the next one on the same lane, where one was ready.
    package var handoverNs: ShortTimes
    /// The tasks, in the order of the task set.
    package var tasks: [Task]
    /// The contexts, by index.
    package var contexts: [Context]

    /// The figures of a run.
    ///
    /// - Parameters:
    ///   - ledger: what was counted.
    ///   - scheduler: the scheduler at the end of the run.
    ///   - duration: how long jobs were released.
    ///   - elapsed: when the last job ended.
    ///   - energy: what the device used, and in what time; `nil` where it is not counted.
    package init(
        _ ledger: RunLedger, scheduler: borrowing Scheduler, duration: Nanoseconds, elapsed: Nanoseconds,
        energy used: (joules: Double, seconds: Double)? = nil
    ) {
        let seconds = max(elapsed.inSeconds, 1e-9)
        let specifications = scheduler.configuration.tasks
        let overdue = specifications.indices.map { scheduler.overdueJobs(of: $0) }
        func group(_ priority: Priority) -> Group {
            let late = zip(specifications, overdue).reduce(0) { $0 + ($1.0.priority == priority ? $1.1 : 0) }
            return Group(ledger.priorities[Int(priority.rawValue)], overdue: late, seconds: seconds)
        }
        durationS = duration.inSeconds
        elapsedS = elapsed.inSeconds
        hp = group(.high)
        lp = group(.low)
        jps = hp.jps + lp.jps
        jobs = scheduler.counts
        migrations = hp.migrated + lp.migrated
        stages = ledger.stages
        batching = scheduler.configuration.options.largestBatch > 1 ? Batching(ledger) : nil
        energy = used.map { used in
            let inferences = ledger.priorities.reduce(0) { $0 + $1.figures.inferences }
            return Energy(joules: used.joules, seconds: used.seconds, inferences: inferences)
        }
        decisionNs = ShortTimes(ledger.decisions)
        handoverNs = ShortTimes(ledger.handovers)
        tasks = []
        for (index, task) in specifications.enumerated() where !task.isSpare {
            tasks.append(
                Task(
                    name: task.name, priority: task.priority.name,
                    figures: Group(ledger.tasks[index], overdue: overdue[index], seconds: seconds),
                    mretMs: scheduler.mret(of: index).inMilliseconds))
        }
        let partition = scheduler.configuration.partition
        contexts = (0..<partition.contexts).map { context in
            // What express lanes run, they run in the time of ordinary lanes.
            let busy = ledger.busy[partition.lanes(of: context).prefix(partition.streams)].reduce(0) {
                $0 + $1.inSeconds
            }
            return Context(
                context: context, utilisation: busy / seconds / Double(partition.streams),
                losses: ledger.losses[context], restores: ledger.restores[context])
        }
    }
}

extension RunSummary.Group {
    /// The figures of a group.
    ///
    /// - Parameters:
    ///   - overdue: jobs in flight at the end whose deadline has passed.
    ///   - seconds: what `jps` counts over.
    package init(_ group: RunLedger.Group, overdue: Int, seconds: Double) {
        var figures = group.figures
        figures.overdue = overdue
        let jobs = figures.counts
        dmr = figures.dmr
        missed = figures.missed
        acceptance = figures.acceptance
        released = jobs.released
        accepted = figures.accepted
        rejected = jobs.rejected
        removed = figures.removed
        skipped = jobs.skipped
        completed = jobs.completed
        late = figures.late
        dropped = jobs.dropped
        cancelled = figures.cancelled
        failed = jobs.failed
        inFlight = jobs.inFlight
        migrated = figures.migrated
        refused = figures.refused
        expired = figures.expired
        jps = Double(figures.inferences) / seconds
        responseMs = RunSummary.Times(group.response)
        latenessMs = RunSummary.Times(group.lateness)
    }
}

extension RunSummary.Group {
    /// The jobs and requests that could have missed, of a group of this priority.
    package func judged(_ priority: Priority) -> Int {
        JobFigures.judged(
            priority, accepted: accepted, cancelled: cancelled, skipped: skipped, expired: expired ?? 0)
    }

    /// What was accepted or not: releases, but those of removed tasks, and refused requests.
    package var offered: Int { JobFigures.offered(released: released, removed: removed, refused: refused ?? 0) }
}

extension RunSummary.Batching {
    /// What a run ran together.
    package init(_ ledger: RunLedger) {
        self.init(
            batches: ledger.batches,
            meanJobs: JobFigures.rate(ledger.batchedStages, of: ledger.batches),
            share: JobFigures.rate(ledger.batchedStages, of: ledger.stages))
    }
}

extension RunSummary.Times {
    init(_ times: Distribution) {
        count = times.count
        mean = times.mean.inMilliseconds
        p50 = times.percentile(50).inMilliseconds
        p95 = times.percentile(95).inMilliseconds
        p99 = times.percentile(99).inMilliseconds
        max = times.maximum.inMilliseconds
    }
}

extension RunSummary.ShortTimes {
    init(_ times: Distribution) {
        count = times.count
        p50 = times.percentile(50).rawValue
        p99 = times.percentile(99).rawValue
        max = times.maximum.rawValue
    }
}

extension Priority {
    /// `HP` or `LP`.
    package var name: String { self == .high ? "HP" : "LP" }
}
