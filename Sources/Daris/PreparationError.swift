import DarisConfiguration
import DarisCore
import DarisRuntime

/// Why a task set cannot be run on this machine.
public enum PreparationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The task set is wrong: where, as far as it is known, and what would be right.
    case taskSet(file: String?, line: Int?, field: String, reason: String)
    /// A model cannot be read, cut or run.
    case model(name: String, reason: String)
    /// There is no ONNX Runtime to be had.
    case noRuntime(reason: String)
    /// The device cannot be used.
    case device(name: String, reason: String)
    /// The high-priority tasks alone need more than the device has.
    case highPriorityDoesNotFit(tasks: [String], reason: String)
    /// What was built or measured cannot be kept.
    case cache(path: String, reason: String)

    /// What is wrong and what would help.
    public var description: String {
        switch self {
        case .taskSet(_, _, _, let reason), .model(_, let reason), .noRuntime(let reason), .device(_, let reason),
            .highPriorityDoesNotFit(_, let reason), .cache(_, let reason):
            reason
        }
    }

    init(_ error: ConfigurationError) {
        self = .taskSet(file: error.file, line: error.line, field: error.field, reason: error.description)
    }

    init(_ error: DarisRuntime.PreparationError, _ taskSet: TaskSet) {
        let reason = error.description
        switch error {
        case .model(let name, _), .runtime(let name, _), .unsupported(let name, _):
            self = .model(name: name, reason: reason)
        case .noRuntime: self = .noRuntime(reason: reason)
        case .cache(let path, _): self = .cache(path: path, reason: reason)
        case .highPriorityDoesNotFit(_, _, _, let tasks): self = .highPriorityDoesNotFit(tasks: tasks, reason: reason)
        case .configuration, .noLoad: self = .taskSet(file: taskSet.source, line: nil, field: "", reason: reason)
        case .simulatedDevice(let name), .device(let name, _): self = .device(name: name, reason: reason)
        case .worker: self = .device(name: taskSet.device, reason: reason)
        }
    }
}
