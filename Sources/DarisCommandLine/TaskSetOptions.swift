import ArgumentParser
import DarisConfiguration
import DarisCore
import Foundation

/// Options that override what a task set's file says.
struct TaskSetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "cpu, cuda (cuda:1 for the second GPU), or for simulations rtx2080ti, h200, a100, orin or a device file.",
            valueName: "name"))
    var device: String?
    @Option(
        help: ArgumentHelp(
            "How a GPU's contexts get their SMs: streams, mps or green; cores on a CPU.", valueName: "kind"))
    var kind: String?
    @Option(
        help: ArgumentHelp(
            "process: each context is a process of its own, which may crash alone; or none.", valueName: "kind"))
    var isolation: String?
    @Option(help: ArgumentHelp("Number of contexts, the spatial partitions of the device.", valueName: "n"))
    var contexts: Int?
    @Option(help: ArgumentHelp("Number of streams in each context.", valueName: "n"))
    var streams: Int?
    @Option(
        help: ArgumentHelp(
            "From 1 (contexts are disjoint) to the number of contexts (each may use the whole device).", valueName: "x")
    )
    var oversubscription: Double?
    @Option(
        help: ArgumentHelp(
            "daris, or one of the baselines edf and fifo (no priorities, no admission).", valueName: "name"))
    var policy: String?
    @Option(help: ArgumentHelp("Scale all rates to this share of what the device can do.", valueName: "150%"))
    var load: String?
    @Option(help: ArgumentHelp("How long to release jobs.", valueName: "10s"))
    var duration: String?
    @Option(help: ArgumentHelp("Seed of release phases and inputs.", valueName: "n"))
    var seed: UInt64?
    @Option(
        help: ArgumentHelp(
            "Execution times that MRET looks back on (5 unless the file says otherwise).", valueName: "n"))
    var window: Int?
    @Flag(help: "Ablation: one stage a model.")
    var noStaging = false
    @Flag(help: "Ablation: last stages get no level of their own.")
    var noLastStageLevel = false
    @Flag(help: "Ablation: late stages get no level of their own.")
    var noLateLevel = false
    @Flag(help: "Ablation: no priorities, earliest virtual deadline first.")
    var noFixedPriority = false
    @Flag(help: "Ablation: the longest execution time ever seen instead of the longest recent one.")
    var wcet = false
    @Flag(help: "Ablation: jobs stay on their task's own context.")
    var noMigration = false
    @Flag(help: "Ablation: every job is admitted.")
    var noAdmission = false
    @Flag(help: "Ablation: tasks that have become too slow to fit anywhere stay locked out.")
    var noForgetting = false
    @Option(help: "Jobs of one model and stage run together: on, off, or the most jobs of a batch (2 to 64).")
    var batching: String?

    /// The task set of a file with these options applied.
    func taskSet(_ path: String) throws -> TaskSet {
        do throws(ConfigurationError) {
            return try applied(to: try TaskSet.read(path: path))
        } catch {
            throw Failure.usage(error)
        }
    }

    /// A task set with these options applied.
    func applied(to taskSet: TaskSet) throws(ConfigurationError) -> TaskSet {
        var taskSet = taskSet
        try taskSet.apply(try overrides())
        return taskSet
    }

    private func overrides() throws(ConfigurationError) -> TaskSet.Overrides {
        var overrides = TaskSet.Overrides(
            device: device, contexts: contexts, streams: streams, oversubscription: oversubscription, seed: seed,
            window: window)
        if let load { overrides.load = try Quantity.parseShare(load, field: "--load") }
        if let duration { overrides.duration = try Quantity.parseDuration(duration, field: "--duration") }
        if let kind {
            guard let known = PartitionKind(rawValue: kind) else {
                throw ConfigurationError(
                    field: "--kind", message: "there is no kind '\(kind)'; use streams, mps, green or cores")
            }
            overrides.kind = known
        }
        if let isolation {
            guard let known = Isolation(rawValue: isolation) else {
                throw ConfigurationError(
                    field: "--isolation", message: "there is no isolation '\(isolation)'; use none or process")
            }
            overrides.isolation = known
        }
        if let policy {
            guard let known = SchedulingPolicy(rawValue: policy) else {
                throw ConfigurationError(
                    field: "--policy", message: "there is no policy '\(policy)'; use daris, edf or fifo")
            }
            overrides.policy = known
        }
        if noStaging { overrides.staging = false }
        if noLastStageLevel { overrides.lastStageLevel = false }
        if noLateLevel { overrides.lateLevel = false }
        if noFixedPriority { overrides.fixedPriority = false }
        if wcet { overrides.worstCaseExecutionTime = true }
        if noMigration { overrides.migration = false }
        if noAdmission { overrides.admission = false }
        if noForgetting { overrides.forgetting = false }
        if let batching { overrides.batching = try SchedulerOptions.batching(batching, field: "--batching") ?? 1 }
        return overrides
    }
}
