import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation

/// Where the models of a server come from, as it is now: a task set, a folder of files, a repository in Triton's layout.
package protocol ModelSource: Sendable {
    /// What it is called in messages.
    var path: String { get }

    /// The names of all models that are there.
    ///
    /// - Throws: `ServerError` if that cannot be told.
    func names() throws(ServerError) -> [String]

    /// The versions of a model that are to be served, and those that cannot be; empty if there is no such model.
    ///
    /// - Parameter overrides: what an operator wants otherwise than it is written there.
    func look(at name: String, _ overrides: ModelOverrides) -> [FoundModel]
}

extension ModelSource {
    /// All models that are there.
    package func lookAtAll() throws(ServerError) -> [FoundModel] { try names().flatMap { look(at: $0, .none) } }

    /// A task set with all models that can be served, as far as can be told without reading them.
    package func taskSet(_ partition: Partition, _ found: [FoundModel]) throws(ServerError) -> TaskSet {
        let usable = found.compactMap(\.usable)
        let instances = usable.reduce(0) { $0 + $1.task.instances }
        guard instances <= SchedulerConfiguration.taskLimit else {
            throw ServerError(
                "'\(path)' has \(usable.count) models with \(instances) instances, more than "
                    + "\(SchedulerConfiguration.taskLimit); use fewer instances")
        }
        return TaskSet(
            source: path, partition: partition, models: usable.map(\.model), tasks: usable.map(\.task))
    }
}

/// What an operator wants otherwise when a model is loaded.
package struct ModelOverrides: Hashable, Sendable {
    var config: TritonConfig?

    /// Nothing.
    package static let none = ModelOverrides()
}

/// A version of a model, as it was found.
package struct FoundModel: Sendable {
    /// What is needed to serve it.
    package struct Usable: Sendable {
        /// The model.
        package var model: ModelDeclaration
        /// Its task, whose name is that of the model and, where there can be several, its version.
        package var task: TaskDeclaration
        /// What is written of it beside its file.
        var config = TritonConfig()

        /// Why it cannot be prepared, for clients.
        package func reason(of error: PreparationError) -> String { ModelProblem(error, of: model).reason }
    }

    /// What clients call it.
    package var name: String
    /// Its version.
    package var version = UnavailableModel.onlyVersion
    /// What its files were like.
    package var stamps: FileStamps
    /// What is needed to serve it, or why it cannot be.
    var content: Result<Usable, ModelProblem>
    /// What the operator should know of it, with file and field.
    package var notes: [String] = []

    /// What is needed to serve it, if it can be.
    package var usable: Usable? { try? content.get() }

    /// Why it cannot be served, if so.
    package var unavailable: UnavailableModel? {
        guard case .failure(let problem) = content else { return nil }
        return UnavailableModel(name: name, version: version, reason: problem.reason)
    }
}

/// Why a model cannot be served.
struct ModelProblem: Error, Hashable, Sendable {
    var reason: String
}

/// Size, times and number of files, by which it shows whether they have changed.
package struct FileStamps: Hashable, Sendable {
    private struct Stamp: Hashable {
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
        var inode: UInt64
    }

    private var stamps: [String: Stamp] = [:]

    /// Those of files; one that is not there has none.
    package init(_ paths: [String] = []) {
        for path in paths {
            var facts = stat()
            guard stat(path, &facts) == 0 else { continue }
            stamps[path] = Stamp(
                size: Int64(facts.st_size), seconds: Int(facts.st_mtim.tv_sec), nanoseconds: Int(facts.st_mtim.tv_nsec),
                inode: UInt64(facts.st_ino))
        }
    }

    /// Of an ONNX file and the files beside it that by custom hold its weights.
    static func model(_ path: String) -> FileStamps { FileStamps([path, path + ".data", path + "_data"]) }
}

/// The models of a task set: those that it declares, whatever comes.
package struct TaskSetSource: ModelSource {
    private let taskSet: TaskSet

    /// The sporadic tasks of a task set.
    package init(_ taskSet: TaskSet) { self.taskSet = taskSet }

    /// The file.
    package var path: String { taskSet.source }

    /// Its sporadic tasks.
    package func names() -> [String] {
        taskSet.tasks.filter { if case .sporadic = $0.arrival { true } else { false } }.map(\.name)
    }

    /// The task of a name.
    package func look(at name: String, _ overrides: ModelOverrides) -> [FoundModel] {
        guard names().contains(name), let task = taskSet.tasks.first(where: { $0.name == name }),
            let model = taskSet.models.first(where: { $0.name == task.model })
        else { return [] }
        var own = task
        overrides.config?.apply(to: &own)
        var stamps = FileStamps()
        if case .file(let path) = model.source { stamps = .model(path) }
        return [
            FoundModel(
                name: name, stamps: stamps,
                content: .success(.init(model: model, task: own, config: overrides.config ?? TritonConfig())))
        ]
    }
}
