import DarisSimulator
import DarisConfiguration
import DarisCore
import DarisRuntime

/// A run of a task set under Daris, or several of the same.
struct CheckRun {
    var set: CheckTaskSet
    var configuration: SweepConfiguration
    /// The demand in inferences a second.
    var demand: Double
    /// What JPS is compared with.
    var baseline: Baseline
    /// The time during which jobs are released.
    var duration: Nanoseconds
    /// How often it runs, prepared once.
    var repetitions = 1
    /// The file for its record; `nil` for none.
    var record: String?
}

/// Task sets under Daris.
extension GPUCheck {
    var sets: [CheckTaskSet] { CheckTaskSet.sets(of: options.networks) }

    /// What a task set's batching alone is by a definition, so far; `nil` if it was not measured of all its networks.
    func capacity(of set: CheckTaskSet, _ definition: BatchingDefinition) -> Double? {
        set.batchingThroughput(best: results.best(definition).mapValues(\.jps))
    }

    /// Batching alone by the strict definition, with the paper's beside it.
    func strictBaseline(of set: CheckTaskSet) -> Baseline? {
        capacity(of: set, .strict).map {
            Baseline(jps: $0, name: BatchingDefinition.strict.rawValue, paper: capacity(of: set, .paper))
        }
    }

    /// The time during which jobs are released: `share` seconds, but at most `most` seconds, and at least a quarter of
    /// a second and three periods of every task.
    func duration(of set: CheckTaskSet, demand: Double, share: Double, most: Double) -> Nanoseconds {
        .seconds(max(0.25, 3 * set.longestPeriod(demand: demand), min(most, share)))
    }

    /// Runs a task set as often as asked for, while there is time. Returns no row and adds a note if it cannot run; what has run is
    /// kept by `keep` at once.
    ///
    /// - Returns: How many runs there were.
    func run(_ run: CheckRun, keep: (CheckRow) throws -> Void) throws -> Int {
        let (set, configuration) = (run.set, run.configuration)
        say("\(set.name) on \(configuration.label)")
        var taskSet = set.taskSet(
            configuration, device: options.device, demand: run.demand, duration: run.duration,
            networks: options.networks)
        if configuration.largestBatch > 1 { taskSet.scheduler.batching = configuration.largestBatch }
        let begin = clock.now
        var count = 0
        do {
            var preparation = Preparation.Options()
            preparation.workerStart = CheckOptions.workerStart
            preparation.force = true
            // As in the runs that the check compares with, and without a load of parts in its time.
            preparation.cutsByDevice = false
            preparation.cache = options.cache
            preparation.progress = options.detail
            let prepared = try Preparation.prepare(taskSet, options: preparation)
            var canShutDown = true
            defer { if canShutDown || prepared.device.canShutDownWhileHanging { prepared.device.shutDown() } }
            for repetition in 1...run.repetitions where repetition == 1 || !isUp {
                let (row, inFlight) = try once(run, prepared, repetition: run.repetitions > 1 ? repetition : nil)
                if inFlight > 0 {
                    canShutDown = false
                    drop(configuration.kind, "jobs of \(set.name) did not end")
                }
                guard let row else { break }
                count += 1
                try keep(row)
                try save()
                guard inFlight == 0 else { break }
            }
        } catch let failure as ResultsFolder.Failure {
            throw failure
        } catch {
            dropIfHung(configuration.kind, since: begin)
            note("\(set.name) on \(configuration.label): \(error)")
        }
        return count
    }

    /// One run, and how many jobs did not end. No row if it was interrupted.
    private func once(
        _ run: CheckRun, _ prepared: Preparation, repetition: Int?
    ) throws -> (row: CheckRow?, inFlight: Int) {
        let counter = DispatchCounter(prepared)
        let recorder = try run.record.map {
            try RecordWriter(path: $0, plan: prepared.plan, configuration: prepared.configuration)
        }
        let (executor, device) = prepared.timedExecutor(drainLimit: .seconds(Int64(5))) { event, time, commands in
            counter.observe(commands)
            recorder?.observe(event, time, commands)
        }
        let (outcome, used) = energy.during {
            interruption.during({ executor.run() }, stop: { executor.interrupt() })
        }
        let summary = outcome.summary
        try recorder?.close(at: .seconds(summary.elapsedS), energy: outcome.energy)
        guard !outcome.wasInterrupted else { return (nil, summary.jobs.inFlight) }
        let row = CheckRow(
            taskSet: run.set.name, configuration: run.configuration, demand: run.demand, baseline: run.baseline,
            summary: summary, launches: device.launchTimes, stages: counter.stages,
            joules: used.joules(of: Int(summary.jps * summary.elapsedS)), load: used.load, repetition: repetition,
            errors: outcome.errors.map { "\($0.task): \($0.message) (\($0.count) times)" })
        return (row, summary.jobs.inFlight)
    }
}
