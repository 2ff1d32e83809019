import DarisCore
import DarisRuntime

/// Why an inference has no outputs.
public enum InferenceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Why a request was refused.
    public enum Refusal: Hashable, Sendable {
        /// No context had utilisation to spare for a low-priority job.
        case noContextFits
        /// The task's previous job was still in flight, or the queue behind it was full.
        case previousJobInFlight
        /// A low-priority job would have ended after its deadline on every context.
        case wouldBeLate
        /// Every context of the device is lost at present.
        case noContextAlive
    }

    /// There is no task of that name.
    case unknownTask(String)
    /// The task releases its own jobs.
    case periodicTask(String)
    /// An input is not what the model takes.
    case wrongInput(task: String, expected: TensorDescription, found: String)
    /// The inputs are not as many, or not of the names, that the model takes.
    case wrongInputs(task: String, expected: [TensorDescription], found: String)
    /// No job was started: it was rejected or skipped at its release.
    case refused(task: String, Refusal)
    /// The deadline passed before the job was done, and the task drops late jobs (`late: drop`).
    case deadlinePassed(task: String)
    /// The Swift task was cancelled.
    case cancelled(task: String)
    /// The device could not run the job.
    case failed(task: String, reason: String)
    /// As many jobs as allowed are in flight.
    case tooManyJobs(limit: Int)
    /// The system takes no jobs: it has not been started, or is stopping.
    case notRunning

    /// What happened and what would help.
    public var description: String {
        switch self {
        case .unknownTask(let name): SubmissionError.unknownTask(name).description
        case .periodicTask(let name): SubmissionError.periodicTask(name).description
        case .wrongInput(let task, let expected, let found):
            "input '\(expected.name)' of task '\(task)' is \(expected.elementType) \(expected.shape), not \(found)"
        case .wrongInputs(let task, let expected, let found):
            "task '\(task)' takes \(expected.count) input\(expected.count == 1 ? "" : "s") "
                + "(\(expected.map(\.description).joined(separator: ", "))); it was given \(found)"
        case .refused(let task, .noContextFits): "task '\(task)': \(FateReason.noContextFits.text)"
        case .refused(let task, .wouldBeLate): "task '\(task)': \(FateReason.wouldBeLate.text)"
        case .refused(let task, .previousJobInFlight):
            "task '\(task)': \(FateReason.previousJobInFlight.text); give it 'overrun: queue', or more copies by 'count'"
        case .refused(let task, .noContextAlive): "task '\(task)': \(FateReason.noContextAlive.text)"
        case .deadlinePassed(let task): "task '\(task)': \(FateReason.deadlinePassed.text)"
        case .cancelled(let task): "task '\(task)': \(FateReason.cancelled.text)"
        case .failed(let task, let reason): "task '\(task)': \(reason)"
        case .tooManyJobs(let limit): SubmissionError.tooManySubmissions(limit: limit).description
        case .notRunning: "the system is not running: it takes jobs from its start until it stops"
        }
    }

    init(_ error: SubmissionError, task: String) {
        switch error {
        case .unknownTask(let name): self = .unknownTask(name)
        case .periodicTask(let name): self = .periodicTask(name)
        case .wrongInput(let reason): self = .failed(task: task, reason: reason)
        case .tooManySubmissions(let limit): self = .tooManyJobs(limit: limit)
        case .stopped: self = .notRunning
        case .crashed(_, let message), .overran(let message): self = .failed(task: task, reason: message)
        case .notCompleted(_, let reason, let message):
            switch reason {
            case .noContextFits: self = .refused(task: task, .noContextFits)
            case .wouldBeLate: self = .refused(task: task, .wouldBeLate)
            case .previousJobInFlight, .queueFull: self = .refused(task: task, .previousJobInFlight)
            case .noContextAlive: self = .refused(task: task, .noContextAlive)
            case .deadlinePassed: self = .deadlinePassed(task: task)
            case .cancelled: self = .cancelled(task: task)
            case .stageFailed, .contextLost, .taskRemoved, .onTime, .late:
                self = .failed(task: task, reason: message ?? reason.text)
            }
        }
    }
}
