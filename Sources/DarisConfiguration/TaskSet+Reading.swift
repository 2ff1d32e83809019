import DarisCore

extension TaskSet {
    /// Reads the task set in a YAML file.
    ///
    /// - Parameter path: The file; the paths in it are relative to its folder.
    /// - Throws: The first error found, with its place.
    package static func read(path: String) throws(ConfigurationError) -> TaskSet {
        try parse(try SourceFile.bytes(path: path, kind: .taskSet), file: path)
    }

    /// Reads a task set from YAML.
    ///
    /// - Parameters:
    ///   - text: The YAML.
    ///   - file: The name to use in errors; the paths in it are relative to its folder. Traces are read from there.
    /// - Throws: The first error found, with its place.
    package static func parse(_ text: String, file: String) throws(ConfigurationError) -> TaskSet {
        try TaskSet(root: try Document.root(of: text, file: file))
    }

    package static func parse(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> TaskSet {
        try TaskSet(root: try Document.root(of: bytes, file: file))
    }

    private init(root: Field) throws(ConfigurationError) {
        guard !root.isNull else {
            throw ConfigurationError(
                file: root.file, message: "the file is empty; it needs at least 'models' and 'tasks'")
        }
        let section = try Section(
            root,
            keys: [
                "device", "partition", "isolation", "gpu", "models", "tasks", "load", "scheduler", "run",
                "serve",
            ],
            example: "tasks: ...")
        let device = try TaskSet.device(section["device"])
        let partition = try Partition(section["partition"])
        let partitionKind = try PartitionKind.read(section["partition"], device: device, contexts: partition.contexts)
        let isolation = try section["isolation"]?.choice(Isolation.allCases.map { ($0.rawValue, $0) })
        let models = try TaskSet.models(
            try section.required("models", example: "models: {net: {builtin: resnet18}}"))
        let tasks = try TaskSet.tasks(
            try section.required(
                "tasks", example: "tasks: [{name: front, model: net, rate: 20 Hz, priority: high}]"),
            models: models.map(\.name))
        var load: Double?
        if let field = section["load"] { load = try field.share() }
        let (scheduler, staging) = try SchedulerOptions.read(section["scheduler"])
        self.init(
            source: root.file, device: device, partition: partition, partitionKind: partitionKind,
            isolation: isolation ?? .none, gpu: try GPUOptions(section["gpu"]), models: models, tasks: tasks,
            load: load,
            scheduler: scheduler, staging: staging, run: try RunSettings(section["run"]),
            serve: try ServeSettings(section["serve"]))
        let express = try section["partition"].flatMap { field throws(ConfigurationError) in
            field.node.mapping?["express"].map { Field(node: $0, file: field.file, path: "\(field.path).express") }
        }
        asksForExpress = express != nil
        chooseExpress()
        if let express, let problem = expressProblem { throw express.error(problem) }
        let rules = try section["scheduler"].flatMap { field throws(ConfigurationError) in
            field.node.mapping?["rules"].map { Field(node: $0, file: field.file, path: "\(field.path).rules") }
        }
        if let rules, let problem = rulesProblem { throw rules.error(problem) }
    }

    /// What is wrong with a device's name, if anything.
    static func problem(withDevice device: String) -> String? {
        if DeviceKind.named(device) != nil || isSimulated(device: device) { return nil }
        let known = DeviceKind.all.map(\.usage).joined(separator: ", ")
        return "\(device.quoted) is not a device; use \(known), or simulate "
            + "\(simulatedDevices.joined(separator: ", ")) or a device file (NAME.json)"
    }

    private static func device(_ field: Field?) throws(ConfigurationError) -> String {
        guard let field else { return DeviceKind.all[0].name }
        let device = try field.text("a device", example: DeviceKind.all[0].name)
        if let problem = problem(withDevice: device) { throw field.error(problem) }
        return device.hasSuffix(".json") ? SourceFolder.resolve(device, in: field.file) : device
    }

    private static func models(_ field: Field) throws(ConfigurationError) -> [ModelDeclaration] {
        let entries = try Section.entries(of: field, example: "net: {builtin: resnet18}")
        guard !entries.isEmpty else {
            throw field.error("there are no models; write for example 'net: {builtin: resnet18}'")
        }
        guard entries.count <= Limits.models else {
            throw field.error("\(entries.count) models are too many; keep to \(Limits.models)")
        }
        var models: [ModelDeclaration] = []
        models.reserveCapacity(entries.count)
        for (key, value) in entries {
            if let problem = Field.problem(withName: key.name) { throw key.field.error(problem) }
            models.append(try ModelDeclaration(value, name: key.name))
        }
        return models
    }

    private static func tasks(_ field: Field, models: [String]) throws(ConfigurationError) -> [TaskDeclaration] {
        let known = Set(models)
        let elements = try field.elements(example: "- ")
        guard !elements.isEmpty else {
            throw field.error(
                "there are no tasks; write for example '- {name: front, model: \(models[0]), rate: 20 Hz, priority: high}'"
            )
        }
        var tasks: [TaskDeclaration] = []
        var instances = 0
        var lines: [String: Int] = [:]
        var traces = TraceFiles()
        for element in elements {
            let entry = try TaskEntry(element, traces: &traces)
            guard known.contains(entry.task.model) else {
                let suggestion = Spelling.suggestion(for: entry.task.model, among: models)
                let remedy = suggestion.isEmpty ? " declare it under 'models'" : suggestion
                throw entry.model.error("there is no model \(entry.task.model.quoted);\(remedy)")
            }
            guard tasks.count + entry.count <= Limits.tasks else {
                throw element.error("this makes \(tasks.count + entry.count) tasks; keep to \(Limits.tasks)")
            }
            instances += entry.count * entry.task.instances
            guard instances <= SchedulerConfiguration.taskLimit else {
                throw element.error(
                    "this makes \(instances) instances of tasks; keep to \(SchedulerConfiguration.taskLimit)")
            }
            for task in try entry.copies() {
                if let line = lines.updateValue(task.line, forKey: task.name) {
                    throw entry.name.error(
                        "\(task.name.quoted) is already the name of a task in line \(line); give each its own name")
                }
                tasks.append(task)
            }
        }
        return tasks
    }
}
