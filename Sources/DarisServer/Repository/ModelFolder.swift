import DarisConfiguration
import DarisCore
import Foundation

/// A folder of ONNX files: each is a low-priority model under its own name.
///
/// No rate is declared: a request in flight counts for the admission test as if one came every deadline.
package struct ModelFolder: ModelSource {
    /// Where the files are.
    package let path: String
    private let defaults: ModelDefaults

    /// A folder of models.
    package init(_ path: String, _ defaults: ModelDefaults) {
        self.path = path
        self.defaults = defaults
    }

    /// The files whose names say that they are models, without that end.
    package func names() throws(ServerError) -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path).sorted() } catch {
            throw ServerError("'\(path)' cannot be read; name a folder with ONNX files")
        }
        return names.filter { $0.hasSuffix(".onnx") && !$0.hasPrefix(".") }.map { String($0.dropLast(5)) }
    }

    /// The file of a name, as its model's only version.
    package func look(at name: String, _ overrides: ModelOverrides) -> [FoundModel] {
        let file = "\(path)/\(name).onnx"
        guard !name.contains("/"), !name.hasPrefix("."), FileManager.default.fileExists(atPath: file) else { return [] }
        func found(_ content: Result<FoundModel.Usable, ModelProblem>) -> [FoundModel] {
            [FoundModel(name: name, stamps: .model(file), content: content)]
        }
        if let problem = Self.problem(withName: name) { return found(.failure(ModelProblem(reason: problem))) }
        if let reason = overrides.config?.obstacle(for: name) { return found(.failure(ModelProblem(reason: reason))) }
        var task = defaults.task(name)
        overrides.config?.apply(to: &task)
        return found(
            .success(
                .init(
                    model: ModelDeclaration(name: name, source: .file(file)), task: task,
                    config: overrides.config ?? TritonConfig())))
    }

    /// Why a file's name cannot be that of a model, `nil` if it can. Unlike names in a task set it may have spaces and letters
    /// of any script, since clients write it as part of an address and lines of a log quote it.
    package static func problem(withName name: String) -> String? {
        guard !name.isEmpty else { return "its file has no name before '.onnx'" }
        let count = name.unicodeScalars.count
        guard count <= Limits.nameLength else {
            return "a name of \(count) characters is too long; keep to \(Limits.nameLength)"
        }
        let isOdd = name.unicodeScalars.contains {
            switch $0.properties.generalCategory {
            case .control, .format, .surrogate, .unassigned, .lineSeparator, .paragraphSeparator: true
            default: $0 == "\u{FFFD}"
            }
        }
        return isOdd ? "its name has control characters, or bytes that are no UTF-8" : nil
    }
}

/// How models are served of which nothing is declared.
package struct ModelDefaults: Hashable, Sendable {
    /// Of every request that brings none.
    package var deadline: Nanoseconds
    /// The requests of a model that run at a time.
    package var instances: Int

    /// Defaults.
    package init(deadline: Nanoseconds, instances: Int) {
        self.deadline = deadline
        self.instances = instances
    }

    /// The task that serves a model.
    package func task(_ name: String) -> TaskDeclaration {
        TaskDeclaration(
            name: name, model: name, period: deadline, priority: .low, instances: instances, lateness: .drop,
            arrival: .sporadic())
    }
}
