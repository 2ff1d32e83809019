import DarisConfiguration
import DarisCore
import Foundation

/// A folder of ONNX files as a task set: each file is a low-priority model under its own name.
///
/// No rate is declared: a request in flight counts for the admission test as if one came every deadline.
package struct ModelFolder: Sendable {
    /// Where the files are.
    package let path: String
    /// Of every request that brings none.
    package let deadline: Nanoseconds
    /// The requests of a model that run at a time.
    package let instances: Int

    /// A folder of models.
    package init(_ path: String, deadline: Nanoseconds, instances: Int) {
        self.path = path
        self.deadline = deadline
        self.instances = instances
    }

    /// The files whose names say that they are models, by the names of these models.
    package func files() throws(ServerError) -> [(name: String, path: String)] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path).sorted() } catch {
            throw ServerError("'\(path)' cannot be read; name a folder with ONNX files")
        }
        return names.filter { $0.hasSuffix(".onnx") && !$0.hasPrefix(".") }
            .map { (String($0.dropLast(5)), "\(path)/\($0)") }
    }

    /// The task set, and the files that cannot be served under their names.
    ///
    /// - Throws: `ServerError` if there is no such folder, or no model in it.
    package func taskSet(_ partition: Partition) throws(ServerError) -> (TaskSet, [UnavailableModel]) {
        let files = try files()
        guard !files.isEmpty else { throw ServerError("'\(path)' has no file whose name ends in .onnx") }
        guard files.count * instances <= SchedulerConfiguration.taskLimit else {
            throw ServerError(
                "'\(path)' has \(files.count) models, which with \(instances) instances each are more than "
                    + "\(SchedulerConfiguration.taskLimit); use fewer instances")
        }
        var (models, tasks, unavailable) = ([ModelDeclaration](), [TaskDeclaration](), [UnavailableModel]())
        for (name, file) in files {
            if let problem = Self.problem(withName: name) {
                unavailable.append(UnavailableModel(name: name, reason: problem))
                continue
            }
            models.append(ModelDeclaration(name: name, source: .file(file)))
            tasks.append(task(name))
        }
        return (TaskSet(source: path, partition: partition, models: models, tasks: tasks), unavailable)
    }

    /// The task that serves a model.
    package func task(_ name: String) -> TaskDeclaration {
        TaskDeclaration(
            name: name, model: name, period: deadline, priority: .low, instances: instances, lateness: .drop,
            arrival: .sporadic())
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
