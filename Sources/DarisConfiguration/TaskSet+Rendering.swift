import DarisCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

extension TaskSet {
    /// Writes the task set as YAML; `parse` with the same `source` reads an equal one from it.
    ///
    /// Values that are their defaults are left out, and copies of a task are written as one. Paths are written relative to the folder of `source`: to
    /// write into another folder, set `source` first. A file outside that folder gets its absolute path.
    package func rendered() -> String {
        let device =
            device.hasSuffix(".json")
            ? SourceFolder.relativize(device, to: source, workingFolder: workingFolder) : device
        var lines = ["device: \(YAMLText.scalar(device))"]
        let kind = partitionKind.map { "kind: \($0.rawValue), " } ?? ""
        lines.append(
            "partition: {\(kind)contexts: \(partition.contexts), streams: \(partition.streams), "
                + "oversubscription: \(Quantity.formatNumber(partition.oversubscription))"
                + (asksForExpress ? ", express: \(partition.express)}" : "}"))
        if isolation != .none { lines.append("isolation: \(isolation.rawValue)") }
        let options = renderedGPU()
        if !options.isEmpty { lines.append("gpu: \(YAMLText.mapping(options))") }
        lines.append("models:")
        lines += models.map { "  \(YAMLText.scalar($0.name)): \(rendered($0))" }
        lines.append("tasks:")
        var rest = tasks[...]
        while let task = rest.first {
            let count = copies(at: rest.startIndex)
            lines.append("  - \(rendered(task, count: count))")
            rest = rest.dropFirst(count)
        }
        if let load { lines.append("load: \(Quantity.formatShare(load))") }
        let switches = renderedScheduler()
        if !switches.isEmpty { lines.append("scheduler: \(YAMLText.mapping(switches))") }
        lines.append("run: {duration: \(Quantity.format(run.duration)), seed: \(run.seed)}")
        let serving = serve.rendered { rendered(path: $0) }
        if !serving.isEmpty { lines.append("serve: \(YAMLText.mapping(serving))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func rendered(_ model: ModelDeclaration) -> String {
        var entries: [(String, String)] = []
        switch model.source {
        case .builtin(let name):
            entries.append(("builtin", YAMLText.scalar(name)))
            if model.seed != 1 { entries.append(("seed", "\(model.seed)")) }
        case .file(let path):
            entries.append(("file", rendered(path: path)))
        }
        if case .fixed(let count) = model.stages { entries.append(("stages", "\(count)")) }
        if !model.dimensions.isEmpty {
            let dimensions = model.dimensions.sorted { $0.key < $1.key }.map {
                (YAMLText.scalar($0.key), "\($0.value)")
            }
            entries.append(("dimensions", YAMLText.mapping(dimensions)))
        }
        return YAMLText.mapping(entries)
    }

    /// How many tasks from the one at `index` on differ in nothing but their numbers, from 1; 1 if it stands for itself.
    func copies(at index: Int) -> Int {
        var task = tasks[index]
        guard task.name.hasSuffix("-1") else { return 1 }
        let name = task.name.dropLast(2)
        var count = 1
        for copy in tasks[index...].dropFirst() {
            task.name = "\(name)-\(count + 1)"
            guard copy == task else { break }
            count += 1
        }
        return count
    }

    /// - Parameter count: how many copies it is the first of.
    private func rendered(_ task: TaskDeclaration, count: Int) -> String {
        var entries = [
            ("name", YAMLText.scalar(count > 1 ? String(task.name.dropLast(2)) : task.name)),
            ("model", YAMLText.scalar(task.model)),
            ("period", Quantity.format(task.period)),
        ]
        if let deadline = task.deadline { entries.append(("deadline", Quantity.format(deadline))) }
        entries.append(("priority", task.priority == .high ? "high" : "low"))
        if task.batch != 1 { entries.append(("batch", "\(task.batch)")) }
        if task.instances != 1 { entries.append(("instances", "\(task.instances)")) }
        if let phase = task.phase { entries.append(("phase", Quantity.format(phase))) }
        if task.lateness == .drop { entries.append(("late", "drop")) }
        if case .queue(let limit) = task.overrun { entries.append(("overrun", "{queue: \(limit)}")) }
        if task.arrival != .periodic { entries.append(("arrival", rendered(task.arrival))) }
        if count > 1 { entries.append(("count", "\(count)")) }
        return YAMLText.mapping(entries)
    }

    private func rendered(_ arrival: ArrivalPattern) -> String {
        switch arrival {
        case .periodic: "periodic"
        case .jitter(let jitter): "{jitter: \(Quantity.format(jitter))}"
        case .sporadic(nil): "sporadic"
        case .sporadic(let extra?): "{sporadic: \(Quantity.format(extra))}"
        case .poisson: "poisson"
        case .bursts(let on, let off): "{on: \(Quantity.format(on)), off: \(Quantity.format(off))}"
        case .trace(let path, _): "{trace: \(rendered(path: path))}"
        }
    }

    private func rendered(path: String) -> String {
        YAMLText.scalar(SourceFolder.relativize(path, to: source, workingFolder: workingFolder))
    }

    private func renderedGPU() -> [(String, String)] {
        let defaults = GPUOptions()
        var entries: [(String, String)] = []
        if gpu.precision != defaults.precision { entries.append(("precision", gpu.precision.rawValue)) }
        if gpu.layout != defaults.layout { entries.append(("layout", gpu.layout.rawValue)) }
        if gpu.engine != defaults.engine { entries.append(("engine", gpu.engine.rawValue)) }
        if gpu.graphs != defaults.graphs { entries.append(("graphs", "\(gpu.graphs)")) }
        return entries
    }

    private func renderedScheduler() -> [(String, String)] {
        let defaults = SchedulerOptions()
        var entries: [(String, String)] = []
        if scheduler.policy != defaults.policy { entries.append(("policy", scheduler.policy.rawValue)) }
        if scheduler.windowSize != defaults.windowSize { entries.append(("window", "\(scheduler.windowSize)")) }
        let switches = [
            ("wcet", scheduler.worstCaseExecutionTime, defaults.worstCaseExecutionTime),
            ("last_stage_level", scheduler.lastStageLevel, defaults.lastStageLevel),
            ("late_level", scheduler.lateLevel, defaults.lateLevel),
            ("fixed_priority", scheduler.fixedPriority, defaults.fixedPriority),
            ("migration", scheduler.migration, defaults.migration),
            ("admission", scheduler.admission, defaults.admission),
            ("forgetting", scheduler.forgetting, defaults.forgetting), ("staging", staging, true),
        ]
        for (key, value, usual) in switches where value != usual { entries.append((key, "\(value)")) }
        if scheduler.rules != nil { entries.append(("rules", Rules(scheduler).rawValue)) }
        guard let jobs = scheduler.batching else { return entries }
        entries.append(("batching", "\(jobs)"))
        let without = BatchingRule.allCases.filter { !scheduler.batchingRules.contains($0) }.map(\.rawValue)
        if !without.isEmpty { entries.append(("batching_without", "[\(without.joined(separator: ", "))]")) }
        return entries
    }

    private func workingFolder() -> String {
        guard let folder = getcwd(nil, 0) else { return "." }
        defer { free(folder) }
        return String(cString: folder)
    }
}

/// YAML's flow notation.
enum YAMLText {
    static func mapping(_ entries: [(String, String)]) -> String {
        "{" + entries.map { "\($0): \($1)" }.joined(separator: ", ") + "}"
    }

    /// A text as it is where that is plain to YAML, else in double quotes.
    static func scalar(_ text: String) -> String {
        let isPlain = text.utf8.enumerated().allSatisfy { position, byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"): position > 0
            default: false
            }
        }
        let isNull = ["", "null", "Null", "NULL"].contains(text)
        return isPlain && !isNull ? text : quoted(text)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case " "..."~", "\u{A1}"..."\u{1FFF}", "\u{3000}"..."\u{D7FF}": result.unicodeScalars.append(scalar)
            case "\u{10000}"...: result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }
}

extension ServeSettings {
    /// The keys of `serve:` that are not their defaults.
    ///
    /// - Parameter path: How the path of a file is written.
    func rendered(path: (String) -> String) -> [(String, String)] {
        let defaults = ServeSettings()
        var entries: [(String, String)] = []
        for (key, address, usual) in [("http", http, defaults.http), ("grpc", grpc, defaults.grpc)]
        where address != usual {
            entries.append((key, address.map { YAMLText.scalar($0.description) } ?? "off"))
        }
        if let tls {
            var files = [("certificate", path(tls.certificate)), ("key", path(tls.key))]
            if let authority = tls.clientAuthority { files.append(("client_ca", path(authority))) }
            entries.append(("tls", YAMLText.mapping(files)))
        }
        let tokens = [("inference", inferenceTokens), ("control", controlTokens)].compactMap { key, file in
            file.map { (key, path($0)) }
        }
        if !tokens.isEmpty { entries.append(("tokens", YAMLText.mapping(tokens))) }
        if let hosts { entries.append(("hosts", "[\(hosts.map(YAMLText.scalar).joined(separator: ", "))]")) }
        if let origins { entries.append(("origins", "[\(origins.map(YAMLText.scalar).joined(separator: ", "))]")) }
        var figures: [(String, String)] = []
        if metrics.triton { figures.append(("triton", "true")) }
        if let address = metrics.address { figures.append(("address", YAMLText.scalar(address.description))) }
        if !figures.isEmpty { entries.append(("metrics", YAMLText.mapping(figures))) }
        if drainDelay > .zero {
            entries.append(("drain", YAMLText.mapping([("delay", Quantity.format(drainDelay))])))
        }
        var models: [(String, String)] = []
        if let spare = repository.spare { models.append(("spare", "\(spare)")) }
        if let poll = repository.poll { models.append(("poll", Quantity.format(poll))) }
        if !models.isEmpty { entries.append(("repository", YAMLText.mapping(models))) }
        let limits = bounds.rendered()
        if !limits.isEmpty { entries.append(("limits", YAMLText.mapping(limits))) }
        return entries
    }
}

extension ServeSettings.Bounds {
    /// The keys of `limits:` that are not their defaults.
    func rendered() -> [(String, String)] {
        let defaults = Self()
        var entries: [(String, String)] = []
        for (key, bytes, usual) in [
            ("body", body, defaults.body), ("answer", answer, defaults.answer), ("memory", memory, defaults.memory),
        ] where bytes != usual {
            entries.append((key, Quantity.formatBytes(bytes)))
        }
        for (key, count, usual) in [
            ("connections", connections, defaults.connections), ("requests", requests, defaults.requests),
            ("waiting", waiting, defaults.waiting), ("overrun", overrun, defaults.overrun),
        ] where count != usual {
            entries.append((key, "\(count)"))
        }
        for (key, time, usual) in [
            ("receive", receive, defaults.receive), ("idle", idle, defaults.idle), ("drain", drain, defaults.drain),
        ] where time != usual {
            entries.append((key, Quantity.format(time)))
        }
        return entries
    }
}
