import DarisCore
import DarisONNX
import Foundation
import ONNXRuntime

/// Why a task set cannot be run. Each case is a sentence that says what would help.
package enum PreparationError: Error, Sendable, CustomStringConvertible {
    /// A model cannot be read or cut.
    case model(name: String, ONNXError)
    /// ONNX Runtime refuses a model.
    case runtime(name: String, ONNXRuntimeError)
    /// A model asks for something that Daris does not do.
    case unsupported(name: String, reason: String)
    /// There is no ONNX Runtime to be had.
    case noRuntime(ONNXRuntimeError)
    /// The cache folder cannot be used.
    case cache(path: String, reason: String)
    /// The HP tasks of a context need more than it has.
    case highPriorityDoesNotFit(context: Int, utilisation: Double, streams: Int, tasks: [String])
    /// The scheduler refuses the configuration.
    case configuration(SchedulerError)
    /// The device can only be simulated.
    case simulatedDevice(String)
    /// The device cannot be used.
    case device(name: String, reason: String)
    /// The worker process of a context does not start.
    case worker(context: Int, reason: String)
    /// Nothing is left to run.
    case noLoad(String)

    /// The model that cannot be run, where the others could be without it.
    package var model: String? {
        switch self {
        case .model(let name, _), .runtime(let name, _), .unsupported(let name, _): name
        default: nil
        }
    }

    /// Why that model cannot be run, without its name.
    package var reason: String {
        switch self {
        case .model(_, let error): "\(error)"
        case .runtime(_, let error): "\(error)"
        case .unsupported(_, let reason): reason
        default: description
        }
    }

    /// What is wrong and what would help.
    package var description: String {
        switch self {
        case .model(let name, let error): "model '\(name)': \(error)"
        case .runtime(let name, let error): "model '\(name)': \(error)"
        case .unsupported(let name, let reason): "model '\(name)': \(reason)"
        case .noRuntime(let error): "\(error)"
        case .cache(let path, let reason):
            "the cache entry \(path) cannot be made: \(reason); free some space or set XDG_CACHE_HOME to another folder"
        case .highPriorityDoesNotFit(let context, let utilisation, let streams, let tasks):
            "the high-priority tasks alone do not fit: those of context \(context) (\(tasks.joined(separator: ", "))) "
                + "need \(String(format: "%.2f", utilisation)) of its \(streams) lane\(streams == 1 ? "" : "s"); "
                + "lower their rates or the load, use another partition, or run them all the same with --force"
        case .configuration(let error): "\(error)"
        case .simulatedDevice(let device):
            "device \(device) can only be simulated here: use 'daris simulate', or give '--device cpu' to run on this machine"
        case .device(let name, let reason): "device \(name): \(reason)"
        case .worker(let context, let reason): "the worker process of context \(context) does not start: \(reason)"
        case .noLoad(let reason): reason
        }
    }

    static func text(of error: any Error) -> String {
        (error as? ONNXError)?.description ?? error.localizedDescription
    }
}
