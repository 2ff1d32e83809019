import DarisConfiguration
import DarisCore
import Foundation

/// A model repository in Triton's layout: `NAME/VERSION/model.onnx` and `NAME/config.pbtxt`.
///
/// Each version that the policy picks, the latest by default, is a model of its own task, named `NAME/VERSION` in figures. What the
/// configuration says of priority, deadline, instances and queue becomes the task's; without it a model is one of a folder's
/// (`ModelFolder`).
package struct TritonRepository: ModelSource {
    /// Where the models are.
    package let path: String
    private let defaults: ModelDefaults

    /// A repository.
    package init(_ path: String, _ defaults: ModelDefaults) {
        self.path = path
        self.defaults = defaults
    }

    /// The folders, whatever is in them.
    package func names() throws(ServerError) -> [String] {
        guard let names = Self.folders(in: path) else {
            throw ServerError("'\(path)' cannot be read; name a folder with models as NAME/VERSION/model.onnx")
        }
        return names
    }

    /// The versions of a folder that its policy picks.
    package func look(at name: String, _ overrides: ModelOverrides) -> [FoundModel] {
        let folder = "\(path)/\(name)"
        guard !name.isEmpty, !name.contains("/"), !name.hasPrefix("."), let inside = Self.folders(in: folder) else {
            return []
        }
        let file = folder + "/config.pbtxt"
        let versions = inside.compactMap { Self.version($0) }.sorted()
        func found(
            _ version: Int, _ content: Result<FoundModel.Usable, ModelProblem>, _ notes: [String] = []
        ) -> FoundModel {
            FoundModel(
                name: name, version: "\(version)", stamps: FileStamps([file] + Self.files(in: "\(folder)/\(version)")),
                content: content, notes: notes)
        }
        func refused(_ reason: String, _ notes: [String] = []) -> [FoundModel] {
            [found(versions.last ?? 1, .failure(ModelProblem(reason: reason)), notes)]
        }
        if let problem = ModelFolder.problem(withName: name) { return refused(problem) }
        var config: TritonConfig
        do throws(ConfigMessage.Problem) { config = try Self.config(file) } catch {
            return refused("config.pbtxt\(error.line > 0 ? ", line \(error.line)" : ""): \(error.text)")
        }
        let notes = Self.notes(config, file)
        if let overrides = overrides.config { config.override(with: overrides) }
        if let obstacle = config.obstacle(for: name) { return refused(obstacle, notes) }
        guard !versions.isEmpty else {
            return refused("it has no version: no folder in it has a number from 1 as its name", notes)
        }
        let chosen = Self.chosen(config.versions ?? .latest(1), of: versions)
        guard !chosen.isEmpty else {
            return refused("it has none of the versions that its version_policy names", notes)
        }
        return chosen.enumerated().map { place, version in
            let model = "\(folder)/\(version)/\(config.file ?? "model.onnx")"
            let ownNotes = place == 0 ? notes : []
            guard FileManager.default.fileExists(atPath: model) else {
                let missing = "version \(version) has no file '\(config.file ?? "model.onnx")'"
                return found(version, .failure(ModelProblem(reason: missing)), ownNotes)
            }
            var task = defaults.task("\(name)/\(version)")
            config.apply(to: &task)
            return found(
                version,
                .success(
                    .init(
                        model: ModelDeclaration(name: task.model, source: .file(model)), task: task, config: config)),
                ownNotes)
        }
    }

    /// What the operator should know of a configuration.
    private static func notes(_ config: TritonConfig, _ file: String) -> [String] {
        var notes = config.unknown.map { "\(file): \($0): not known here; it changes nothing" }
        notes += config.notes.map { "\(file): \($0)" }
        if config.maxBatchSize > 1 {
            notes.append(
                "\(file): max_batch_size: shapes are fixed at the start, with a first dimension of 1 where the model leaves it open; "
                    + "requests of more than one item are refused")
        }
        return notes
    }

    private static func config(_ file: String) throws(ConfigMessage.Problem) -> TritonConfig {
        guard FileManager.default.fileExists(atPath: file) else { return TritonConfig() }
        guard let data = FileManager.default.contents(atPath: file), data.count <= 1 << 20 else {
            throw ConfigMessage.Problem(text: "it cannot be read, or has more than 1 MiB")
        }
        return try TritonConfig(try ConfigMessage(text: String(decoding: data, as: UTF8.self)))
    }

    private static func chosen(_ policy: TritonConfig.VersionPolicy, of versions: [Int]) -> [Int] {
        switch policy {
        case .all: versions
        case .latest(let count): Array(versions.suffix(count))
        case .specific(let wanted): versions.filter { wanted.contains($0) }
        }
    }

    /// The number that a folder's name is; `nil` if it is none, as of Triton's own other folders.
    private static func version(_ name: String) -> Int? {
        guard let number = Int(name), number > 0, "\(number)" == name else { return nil }
        return number
    }

    private static func folders(in path: String) -> [String]? {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return nil }
        return names.sorted().filter { name in
            var isFolder: ObjCBool = false
            return !name.hasPrefix(".")
                && FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
                && isFolder.boolValue
        }
    }

    private static func files(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().map { "\(folder)/\($0)" }
    }
}

extension TritonConfig {
    /// Takes what an operator says otherwise.
    mutating func override(with other: TritonConfig) {
        name = other.name ?? name
        platform = other.platform ?? platform
        backend = other.backend ?? backend
        file = other.file ?? file
        if other.maxBatchSize > 0 { maxBatchSize = other.maxBatchSize }
        if !other.inputs.isEmpty { inputs = other.inputs }
        if !other.outputs.isEmpty { outputs = other.outputs }
        instances = other.instances ?? instances
        versions = other.versions ?? versions
        priority = other.priority ?? priority
        deadline = other.deadline ?? deadline
        lateness = other.lateness ?? lateness
        waiting = other.waiting ?? waiting
    }
}
