import DarisCore
import DarisReport

/// Plans and summaries to report on. Figures are written down here, not computed, so that the golden texts change only
/// when reports do.
enum Fixtures {
    static func task(_ name: String, _ priority: Priority, periodMs: Int64, batch: Int = 1, stagesMs: [Double])
        -> TaskSpecification
    {
        TaskSpecification(
            name: name, period: .milliseconds(periodMs), priority: priority, batch: batch,
            afet: stagesMs.map { Nanoseconds(Int64($0 * 1e6)) })
    }

    static let cameras = [
        task("front", .high, periodMs: 50, stagesMs: [2.1, 1.9, 2.4]),
        task("rear", .high, periodMs: 100, stagesMs: [2.1, 1.9, 2.4]),
        task("side-1", .low, periodMs: 100, batch: 2, stagesMs: [5.25, 4.75]),
        task("side-2", .low, periodMs: 100, batch: 2, stagesMs: [5.25, 4.75]),
        task("lane-marks", .low, periodMs: 100, stagesMs: [12.5]),
    ]

    static func configuration(
        _ tasks: [TaskSpecification], homes: [Int], contexts: Int = 2, streams: Int = 1, oversubscription: Double = 1
    ) throws -> SchedulerConfiguration {
        let partition = Partition(contexts: contexts, streams: streams, oversubscription: oversubscription)
        var configuration = try SchedulerConfiguration(partition: partition, tasks: tasks)
        configuration.homes = homes
        return configuration
    }

    static func plan(
        _ configuration: SchedulerConfiguration, models: [String]? = nil,
        contextUnits: [[Int]] = [[0, 1, 2, 3], [4, 5, 6, 7]],
        simulated: Bool = false, load: Double? = nil, seed: UInt64 = 7, notes: [String] = []
    ) -> RunPlan {
        RunPlan(
            configuration, models: models ?? configuration.tasks.map { _ in "resnet18" }, device: "AMD EPYC 7R13",
            unitName: "cores", units: 8, kind: .cores, contextUnits: contextUnits, simulated: simulated, load: load,
            duration: .seconds(Int64(10)), seed: seed, notes: notes)
    }

    /// Two HP cameras and three LP tasks on two contexts.
    static func cameraPlan(simulated: Bool = false) throws -> RunPlan {
        plan(
            try configuration(cameras, homes: [0, 1, 1, 0, 1]),
            models: ["resnet18", "resnet18", "unet", "unet", "lanes"], simulated: simulated, load: 0.2588,
            notes: [
                "no right to use SCHED_FIFO: releases may be up to a few milliseconds late; run as a user with "
                    + "CAP_SYS_NICE to have it",
                "lanes: its only cut point is at the end, so it runs as one stage",
            ])
    }

    /// The summary of a run in which nothing happened.
    static func emptySummary(_ configuration: SchedulerConfiguration) -> RunSummary {
        RunSummary(
            RunLedger(configuration), scheduler: Scheduler(configuration), duration: .seconds(Int64(10)),
            elapsed: .seconds(Int64(10)))
    }

    /// A summary for the camera plan; every job is accounted for.
    static func cameraSummary() throws -> RunSummary {
        var summary = emptySummary(try configuration(cameras, homes: [0, 1, 1, 0, 1]))
        summary.elapsedS = 10.083
        summary.hp = group(
            summary.hp, released: 300, jps: 29.75, times: (6.714, 6.62, 7.9, 8.411, 9.026))
        summary.lp = group(
            summary.lp, released: 300, rejected: 90, skipped: 3, missed: 2, jps: 35.11,
            times: (18.46, 17.2, 31, 64.5, 112.4))
        summary.jps = 64.86
        summary.jobs.released = 600
        summary.jobs.rejected = 90
        summary.jobs.skipped = 3
        summary.jobs.completed = 507
        summary.migrations = 41
        summary.stages = 1246
        summary.decisionNs = times(summary.decisionNs, count: 1953, p50: 412, p99: 1_930, max: 28_400)
        summary.handoverNs = times(summary.handoverNs, count: 871, p50: 3_250, p99: 11_800, max: 1_204_000)
        let figures = [
            group(summary.hp, released: 200, jps: 19.84, times: (6.7, 6.6, 7.9, 8.41, 9.03)),
            group(summary.hp, released: 100, jps: 9.92, times: (6.75, 6.7, 7.9, 8.37, 8.9)),
            group(
                summary.lp, released: 100, rejected: 22, skipped: 0, missed: 0, jps: 15.47,
                times: (15.8, 15.1, 24, 31.2, 33)),
            group(
                summary.lp, released: 100, rejected: 31, skipped: 0, missed: 0, jps: 13.69,
                times: (17.1, 16.9, 27, 33.5, 36)),
            group(
                summary.lp, released: 100, rejected: 37, skipped: 3, missed: 2, jps: 5.95,
                times: (23.5, 21, 48, 88.1, 112.4)),
        ]
        for (index, mret) in [6.87, 6.91, 10.42, 10.38, 13.05].enumerated() {
            summary.tasks[index].figures = figures[index]
            summary.tasks[index].mretMs = mret
        }
        summary.contexts[0].utilisation = 0.214
        summary.contexts[1].utilisation = 0.2871
        return summary
    }

    /// A group whose jobs all came to an end, `missed` of them late.
    static func group(
        _ base: RunSummary.Group, released: Int, rejected: Int = 0, skipped: Int = 0, missed: Int = 0, jps: Double = 1,
        times: (mean: Double, p50: Double, p95: Double, p99: Double, max: Double) = (1, 1, 1, 1, 1)
    ) -> RunSummary.Group {
        var group = base
        group.released = released
        group.rejected = rejected
        group.skipped = skipped
        group.accepted = released - rejected - skipped
        group.completed = group.accepted
        group.late = missed
        group.missed = missed
        group.dmr = group.accepted > 0 ? Double(missed) / Double(group.accepted) : 0
        group.acceptance = released > 0 ? Double(group.accepted) / Double(released) : 0
        group.jps = jps
        group.responseMs.count = group.completed
        group.responseMs.mean = times.mean
        group.responseMs.p50 = times.p50
        group.responseMs.p95 = times.p95
        group.responseMs.p99 = times.p99
        group.responseMs.max = times.max
        return group
    }

    static func times(_ base: RunSummary.ShortTimes, count: Int, p50: Int64, p99: Int64, max: Int64)
        -> RunSummary.ShortTimes
    {
        var times = base
        times.count = count
        times.p50 = p50
        times.p99 = p99
        times.max = max
        return times
    }
}
