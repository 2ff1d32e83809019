import DarisCore

/// Why a submitted job has no outputs.
package enum SubmissionError: Error, Sendable, CustomStringConvertible {
    /// There is no task of that name or number.
    case unknownTask(String)
    /// The task releases its own jobs.
    case periodicTask(String)
    /// The number of inputs, or the size of one, is not the model's, or its strings break off.
    case wrongInput(String)
    /// As many jobs as allowed are waiting for an outcome.
    case tooManySubmissions(limit: Int)
    /// The executor takes no jobs: it has not been started, or is stopping.
    case stopped
    /// The scheduler turned the job away, gave it up, or the device failed.
    case notCompleted(JobFate, FateReason, message: String?)
    /// The context was lost while it ran a stage of the job, which may be why, beside stages of so many other jobs.
    case crashed(others: Int, message: String)

    /// What happened and what would help.
    package var description: String {
        switch self {
        case .unknownTask(let name): "there is no task '\(name)'"
        case .periodicTask(let name):
            "task '\(name)' releases its own jobs; say 'arrival: sporadic' to submit jobs to it"
        case .wrongInput(let text): text
        case .tooManySubmissions(let limit): "\(limit) submitted jobs are in flight already; wait for some to end"
        case .stopped: "the executor is not running: it takes jobs from its start until it stops"
        case .notCompleted(let fate, let reason, let message):
            "the job was \(fate): \(message ?? reason.text)"
        case .crashed(_, let message): "the job was failed: \(message)"
        }
    }
}
