import DarisConfiguration
import DarisCore
import Foundation

/// A folder of ONNX files as a task set: each file is a low-priority model under its own name.
///
/// No rate is declared: a request in flight counts for the admission test as if one came every deadline.
package enum ModelFolder {
    /// The task set.
    ///
    /// - Parameters:
    ///   - deadline: of every request that brings none.
    ///   - instances: the requests of a model that run at a time.
    /// - Throws: `ServerError` if there is no such folder, or no model in it.
    package static func taskSet(
        _ folder: String, deadline: Nanoseconds, instances: Int, partition: Partition
    ) throws(ServerError) -> TaskSet {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            throw ServerError("'\(folder)' cannot be read; name a folder with ONNX files")
        }
        let files = names.filter { $0.hasSuffix(".onnx") && !$0.hasPrefix(".") }
        guard !files.isEmpty else { throw ServerError("'\(folder)' has no file whose name ends in .onnx") }
        guard files.count * instances <= SchedulerConfiguration.taskLimit else {
            throw ServerError(
                "'\(folder)' has \(files.count) models, which with \(instances) instances each are more than "
                    + "\(SchedulerConfiguration.taskLimit); use fewer instances")
        }
        var models: [ModelDeclaration] = []
        var tasks: [TaskDeclaration] = []
        for file in files {
            let name = String(file.dropLast(5))
            if let problem = TaskSet.problem(withName: name) {
                throw ServerError("'\(folder)/\(file)' cannot be served under its name: \(problem)")
            }
            models.append(ModelDeclaration(name: name, source: .file("\(folder)/\(file)")))
            tasks.append(
                TaskDeclaration(
                    name: name, model: name, period: deadline, priority: .low, instances: instances, lateness: .drop,
                    arrival: .sporadic()))
        }
        return TaskSet(source: folder, partition: partition, models: models, tasks: tasks)
    }
}
