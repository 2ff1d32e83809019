import DarisConfiguration
import DarisCore
import DarisRuntime

/// What of Triton's model configuration means something here (docs/from-triton.md).
struct TritonConfig: Hashable, Sendable {
    /// An input or output as the configuration has it.
    struct Tensor: Hashable, Sendable {
        var name = ""
        /// `TYPE_FP32`, or empty.
        var type = ""
        var dims: [Int] = []
    }

    /// Which versions are served.
    enum VersionPolicy: Hashable, Sendable {
        case latest(Int)
        case all
        case specific([Int])
    }

    var name: String?
    var platform: String?
    var backend: String?
    var file: String?
    var maxBatchSize = 0
    var inputs: [Tensor] = []
    var outputs: [Tensor] = []
    /// The sum over all groups; `nil` if there is none.
    var instances: Int?
    var versions: VersionPolicy?
    var priority: Priority?
    var deadline: Nanoseconds?
    var lateness: LatenessRule?
    /// The most requests that wait.
    var waiting: Int?
    /// What is written there and changes nothing, or not what it does in Triton, one sentence each, with the field.
    var notes: [String] = []
    /// The fields that are not known here.
    var unknown: [String] = []

    init() {}

    /// Reads a configuration.
    ///
    /// - Throws: what is wrong, with the field.
    init(_ message: ConfigMessage) throws(ConfigMessage.Problem) {
        for field in message.fields { try read(field) }
        // A field that is repeated says the same again.
        notes = notes.enumerated().filter { !notes[..<$0].contains($1) }.map(\.element)
    }

    private mutating func read(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) {
        let name = field.name
        switch name {
        case "name": self.name = try text(field)
        case "platform": platform = try text(field)
        case "backend": backend = try text(field)
        case "default_model_filename": file = try text(field)
        case "max_batch_size": maxBatchSize = try number(field, in: 0...TaskSpecification.batchLimit)
        case "input": inputs.append(try tensor(field))
        case "output": outputs.append(try tensor(field))
        case "instance_group": try readInstances(field)
        case "dynamic_batching": try readBatching(field)
        case "version_policy": try readVersions(field)
        case "parameters": try readParameter(field)
        case "model_warmup":
            notes.append(
                "model_warmup: every model is run on random inputs before it is served; the samples are not used")
        case "optimization":
            notes.append("optimization: ONNX Runtime's optimisations are on, and nothing of it is set from here")
        case "response_cache", "model_transaction_policy":
            for part in try subfields(field) where try text(part) != "false" { unknown.append("\(name).\(part.name)") }
        default: unknown.append(name)
        }
    }

    // MARK: - Parts

    private mutating func tensor(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) -> Tensor {
        var tensor = Tensor()
        for part in try subfields(field) {
            switch part.name {
            case "name": tensor.name = try text(part)
            case "data_type": tensor.type = try text(part)
            case "dims": tensor.dims.append(try number(part, in: -1...Int(Int32.max)))
            case "format" where try text(part) == "FORMAT_NONE": break
            case "is_shape_tensor", "allow_ragged_batch", "optional", "is_non_linear_format_io":
                if try text(part) != "false" { unknown.append("\(field.name).\(part.name)") }
            default: unknown.append("\(field.name).\(part.name)")
            }
        }
        return tensor
    }

    private mutating func readInstances(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) {
        var count = 1
        for part in try subfields(field) {
            switch part.name {
            case "count": count = try number(part, in: 1...TaskSpecification.instanceLimit)
            case "name": break
            case "kind":
                let kind = try text(part)
                guard !["KIND_AUTO", "KIND_CPU"].contains(kind) else { break }
                notes.append(
                    "instance_group.kind: '\(kind)' says nothing here; the device of the server runs every model")
            case "gpus":
                notes.append("instance_group.gpus: the device of the server runs every model")
            default: unknown.append("instance_group.\(part.name)")
            }
        }
        instances = (instances ?? 0) + count
        guard instances ?? 0 <= TaskSpecification.instanceLimit else {
            throw ConfigMessage.Problem(
                text: "instance_group: \(instances ?? 0) instances; \(TaskSpecification.instanceLimit) are the most")
        }
    }

    private mutating func readBatching(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) {
        let place = field.name
        var (levels, level) = (0, 0)
        for part in try subfields(field) {
            switch part.name {
            case "priority_levels": levels = try number(part, in: 0...Int(Int32.max))
            case "default_priority_level": level = try number(part, in: 0...Int(Int32.max))
            case "default_queue_policy": try readPolicy(part, in: place)
            case "max_queue_delay_microseconds":
                notes.append(
                    "\(place).\(part.name): no request is held back for a batch; what is ready runs together where batching is on"
                )
            case "preferred_batch_size", "preserve_ordering":
                notes.append("\(place).\(part.name): the scheduler chooses what runs together, and when")
            default: unknown.append("\(place).\(part.name)")
            }
        }
        if levels > 0 { priority = level == 1 ? .high : .low }
    }

    private mutating func readPolicy(_ field: ConfigMessage.Field, in place: String) throws(ConfigMessage.Problem) {
        for part in try subfields(field) {
            switch part.name {
            case "default_timeout_microseconds":
                let microseconds = try number(part, in: 0...86_400_000_000)
                if microseconds > 0 { deadline = Nanoseconds(Int64(microseconds) * 1_000) }
            case "timeout_action":
                switch try text(part) {
                case "REJECT", "0": lateness = .drop
                case "DELAY", "1": lateness = .run
                default: unknown.append("\(place).\(field.name).\(part.name)")
                }
            case "max_queue_size": waiting = try number(part, in: 0...65_536)
            case "allow_timeout_override" where try text(part) == "true": break
            case "allow_timeout_override":
                notes.append("\(place).\(field.name).\(part.name): a request may always bring a timeout of its own")
            default: unknown.append("\(place).\(field.name).\(part.name)")
            }
        }
    }

    private mutating func readVersions(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) {
        for part in try subfields(field) {
            let inside = try subfields(part)
            switch part.name {
            case "all": versions = .all
            case "latest":
                let count = try inside.first { $0.name == "num_versions" }.map { field throws(ConfigMessage.Problem) in
                    try number(field, in: 1...Int(Int32.max))
                }
                versions = .latest(count ?? 1)
            case "specific":
                var numbers: [Int] = []
                for field in inside where field.name == "versions" {
                    numbers.append(try number(field, in: 1...Int(Int32.max)))
                }
                versions = .specific(numbers)
            default: unknown.append("\(field.name).\(part.name)")
            }
        }
    }

    /// A parameter of ours, as this server tells them: `priority` and `deadline_us`.
    private mutating func readParameter(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) {
        // A map: in text each entry has a key and a value, in JSON the key is the name.
        var entries: [(key: String, value: String)] = []
        let parts = try subfields(field)
        if let key = parts.first(where: { $0.name == "key" }), let value = parts.first(where: { $0.name == "value" }) {
            entries.append((try text(key), try stringValue(value)))
        } else {
            for part in parts { entries.append((part.name, try stringValue(part))) }
        }
        for (key, value) in entries {
            switch key {
            case "priority":
                guard let known: Priority = ["high": .high, "low": .low][value] else {
                    throw .init(text: "parameters.priority: '\(value)' is neither 'high' nor 'low'")
                }
                priority = known
            case "deadline_us":
                guard let microseconds = Int64(value), (1...86_400_000_000).contains(microseconds) else {
                    throw .init(text: "parameters.deadline_us: '\(value)' is no number of microseconds from 1 to a day")
                }
                deadline = Nanoseconds(microseconds * 1_000)
            default: unknown.append("parameters.\(key)")
            }
        }
    }

    private func stringValue(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) -> String {
        guard let value = try subfields(field).first(where: { $0.name == "string_value" }) else {
            throw .init(text: "parameters: '\(field.name)' has no 'string_value'")
        }
        return try text(value)
    }

    // MARK: - Values

    private func text(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) -> String {
        try text(field.value, field.name)
    }

    private func text(_ value: ConfigMessage.Value, _ name: String) throws(ConfigMessage.Problem) -> String {
        guard case .scalar(let text) = value else { throw .init(text: "'\(name)' is a value, not a message") }
        return text
    }

    private func number(
        _ field: ConfigMessage.Field, in range: ClosedRange<Int>
    ) throws(ConfigMessage.Problem) -> Int {
        let text = try text(field)
        guard let number = Int(text), range.contains(number) else {
            throw .init(
                text: "'\(field.name)' is '\(text)', which is no number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    private func subfields(_ field: ConfigMessage.Field) throws(ConfigMessage.Problem) -> [ConfigMessage.Field] {
        guard case .message(let message) = field.value else {
            throw .init(text: "'\(field.name)' is a message, not a value")
        }
        return message.fields
    }
}

extension TritonConfig {
    /// Why this server does not serve such a model; `nil` if it does.
    func obstacle(for name: String) -> String? {
        if let own = self.name, !own.isEmpty, own != name {
            return "its configuration names it '\(own)', but its folder '\(name)'"
        }
        if let backend, !backend.isEmpty, backend != "onnxruntime" {
            return "its backend is '\(backend)'; this server has 'onnxruntime' alone"
        }
        if let platform, !platform.isEmpty, platform != "onnxruntime_onnx" {
            return "its platform is '\(platform)'; this server has 'onnxruntime_onnx' alone"
        }
        return nil
    }

    /// Has a task follow the configuration where that says something.
    func apply(to task: inout TaskDeclaration) {
        if let instances { task.instances = instances }
        if let priority { task.priority = priority }
        if let lateness { task.lateness = lateness }
        if let deadline {
            // No rate is declared: a request in flight counts as if one came every deadline.
            if task.deadline == nil || task.deadline == task.period { task.period = deadline }
            task.deadline = deadline
        }
    }

    /// What its inputs and outputs have that the model has not; `nil` if they agree.
    func mismatch(with signature: ModelSignature) -> String? {
        Self.mismatch("input", inputs, signature.inputs, isBatched: maxBatchSize > 0)
            ?? Self.mismatch("output", outputs, signature.outputs, isBatched: maxBatchSize > 0)
    }

    private static func mismatch(
        _ kind: String, _ declared: [Tensor], _ found: [ModelSignature.Tensor], isBatched: Bool
    ) -> String? {
        for tensor in declared {
            guard let own = found.first(where: { $0.name == tensor.name }) else {
                let names = found.map(\.name).joined(separator: ", ")
                return "its configuration has an \(kind) '\(tensor.name)', the model has \(names)"
            }
            let type = "TYPE_" + (own.elementType == .string ? "STRING" : own.elementType.protocolName)
            if !tensor.type.isEmpty, tensor.type != type {
                return
                    "its configuration says that \(kind) '\(tensor.name)' is \(tensor.type), the model that it is \(type)"
            }
            let dims = isBatched ? Array(own.shape.dropFirst()) : own.shape
            let agree = dims.count == tensor.dims.count && zip(dims, tensor.dims).allSatisfy { $0 == $1 || $1 == -1 }
            if !tensor.dims.isEmpty, !agree {
                return
                    "its configuration says that \(kind) '\(tensor.name)' has dims \(tensor.dims), the model that it has "
                    + "\(dims)\(isBatched ? " behind the batch" : "")"
            }
        }
        return nil
    }
}
