import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisRuntime
import DarisServer
import Foundation
import Logging
import Synchronization

/// Options that override a task set's file.
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
            "process: each context is a process of its own, which crashes alone; or none.", valueName: "kind"))
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
            "Express lanes of each context, for HP stages on top of LP: 0 to its streams.", valueName: "n"))
    var express: Int?
    @Option(
        help: ArgumentHelp(
            "daris, or one of the baselines edf and fifo (no priorities, no admission).", valueName: "name"))
    var policy: String?
    @Option(help: ArgumentHelp("Scale all rates to this share of the device's capacity.", valueName: "150%"))
    var load: String?
    @Option(help: ArgumentHelp("How long to release jobs.", valueName: "10s"))
    var duration: String?
    @Option(help: ArgumentHelp("Seed of release phases and inputs.", valueName: "n"))
    var seed: UInt64?
    @Option(
        help: ArgumentHelp(
            "The number of execution times in MRET's window (by default the file's, else 5).", valueName: "n"))
    var window: Int?
    @Flag(help: "Ablation: one stage a model.")
    var noStaging = false
    @Flag(help: "Ablation: last stages have no level of their own.")
    var noLastStageLevel = false
    @Flag(help: "Ablation: late stages have no level of their own.")
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
    @Option(help: "Jobs of one model and stage run together: on, off, or the largest batch (2 to 64).")
    var batching: String?

    @Option(help: "Follow the paper's text, or its authors' published implementation: paper or published.")
    var rules: String?

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
            device: device, contexts: contexts, streams: streams, oversubscription: oversubscription, express: express,
            seed: seed,
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
        if let rules {
            guard let known = Rules(rawValue: rules) else {
                throw ConfigurationError(
                    field: "--rules", message: "there are no rules '\(rules)'; use paper or published")
            }
            overrides.rules = known
        }
        return overrides
    }
}

/// The options of the log on standard error.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(help: "Lines for people, or one JSON object a line.")
    var logFormat = Format.text
    @Option(
        help: ArgumentHelp(
            "The lowest level that is written: notice for requests that were not answered, debug for every request.",
            valueName: "level"))
    var logLevel = Logger.Level.notice

    func logger() -> Logger {
        Self.format.withLock { $0 = logFormat }
        if logFormat == .json {
            Terminal.errors.setNotice { lost in
                let line = Mutex<[UInt8]>([])
                let handler = JSONLogHandler(label: "daris") { bytes in line.withLock { $0 = bytes } }
                Logger(label: "daris") { _ in handler }.warning(
                    "lines of the log were lost here, since they were not read in time", metadata: ["lost": "\(lost)"])
                return String(decoding: line.withLock { $0 }, as: UTF8.self)
            }
        }
        var logger = Logger(label: "daris")
        logger.logLevel = logLevel
        return logger
    }

    private static let format = Mutex(Format.text)

    /// Makes all loggers of the process, also those of ONNX Runtime and of libraries, write to Daris' log. Call it
    /// once, before anything is logged.
    static func bootstrap() {
        LoggingSystem.bootstrap { label in
            switch format.withLock({ $0 }) {
            case .text: TextLogHandler(label: label) { Terminal.errors.write($0) }
            case .json: JSONLogHandler(label: label) { Terminal.errors.write($0) }
            }
        }
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// A model on the command line, with its number of stages.
struct ModelArguments: ParsableArguments {
    @Argument(help: "An ONNX file, or a built-in network (daris model list).")
    var model: String
    @Option(
        help: ArgumentHelp(
            "How many stages, or auto: as few as keep each within a tenth of the period.", valueName: "n"))
    var stages = "auto"
    @Option(help: ArgumentHelp("The shortest period of the tasks, for --stages auto.", valueName: "100ms"))
    var period = "100 ms"
    @Option(
        name: .customLong("dimension"),
        help: ArgumentHelp("The value of a symbolic dimension; may be given again.", valueName: "name=value"))
    var dimensions: [String] = []
    @Option(help: ArgumentHelp("Seed of a built-in network's weights.", valueName: "n"))
    var seed: UInt64 = 1

    /// The model's declaration, as in a task set.
    func declaration() throws -> ModelDeclaration {
        var values: [String: Int] = [:]
        for entry in dimensions {
            let parts = entry.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let value = Int(parts[1]), value > 0 else {
                throw Failure.usage("--dimension: '\(entry)' is not name=value with a positive whole number")
            }
            values[String(parts[0])] = value
        }
        let isFile = FileManager.default.fileExists(atPath: model)
        let isBuiltin = !isFile && ModelDeclaration.builtins.contains(model)
        guard isFile || isBuiltin else {
            let builtins = ModelDeclaration.builtins
            throw Failure.usage(
                "\(model): there is no such file, nor a built-in network of that name;"
                    + "\(Spelling.suggestion(for: model, among: builtins)) built in are \(builtins.joined(separator: ", "))"
            )
        }
        return ModelDeclaration(
            name: isBuiltin ? model : URL(fileURLWithPath: model).deletingPathExtension().lastPathComponent,
            source: isBuiltin ? .builtin(model) : .file(model), stages: try stageCount(), dimensions: values, seed: seed
        )
    }

    /// The shortest period, for an automatic number of stages.
    func shortestPeriod() throws -> Nanoseconds {
        do { return try Quantity.parseDuration(period, field: "--period") } catch { throw Failure.usage(error) }
    }

    private func stageCount() throws -> StageCount {
        if stages == "auto" { return .auto }
        guard let count = Int(stages), (1...64).contains(count) else {
            throw Failure.usage("--stages: '\(stages)' is neither auto nor a whole number from 1 to 64")
        }
        return .fixed(count)
    }
}
