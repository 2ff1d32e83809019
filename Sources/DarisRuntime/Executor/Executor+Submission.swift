import DarisCore
import DequeModule
import Synchronization

/// A job whose submitter waits for it.
struct Submission: Sendable {
    let tensors: JobTensors
    let completion: @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
}

/// Jobs from outside.
extension Executor {
    /// The time since the executor was made, by which deadlines are told.
    package var now: Nanoseconds { clock.now }

    /// Releases a job of a sporadic task now and returns without waiting for it.
    ///
    /// - Parameters:
    ///   - task: index of the task.
    ///   - inputs: the bytes of each input of its model, row-major, at the task's batch size; strings as
    ///     ``EncodedStrings`` has them.
    ///   - relativeDeadline: the job's own deadline from now; the task's if `nil`.
    ///   - trace: whose trace the job belongs to, for the record.
    ///   - completion: called exactly once with the bytes of each output, or why there are none, on a thread that
    ///     belongs to no lane.
    /// - Returns: the job, to cancel it by.
    @discardableResult
    package func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds? = nil, trace: TraceContext? = nil,
        completion: @escaping @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    ) throws(SubmissionError) -> JobID {
        guard arrivals.indices.contains(task) else { throw .unknownTask("\(task)") }
        let name = configuration.tasks[task].name
        guard arrivals[task] == .sporadic else { throw .periodicTask(name) }
        let sizes = device.tensorSizes(of: instances[task].lowerBound)
        guard inputs.count == sizes.inputs.count else {
            throw .wrongInput("task '\(name)' takes \(sizes.inputs.count) inputs, not \(inputs.count)")
        }
        for (index, (input, size)) in zip(inputs, sizes.inputs).enumerated() {
            guard let problem = size.problem(of: input) else { continue }
            throw .wrongInput("input \(index) of task '\(name)' \(problem)")
        }
        let submission = Submission(
            tensors: JobTensors(inputs: inputs, outputSizes: sizes.outputs), completion: completion)

        let result: Result<JobID, SubmissionError> = decide { state in
            guard state.takesJobs else { return .failure(.stopped) }
            guard untold.load(ordering: .relaxed) < options.submissionLimit else {
                return .failure(.tooManySubmissions(limit: options.submissionLimit))
            }
            untold.add(1, ordering: .relaxed)
            let job = JobID(task: task, sequence: state.scheduler.releasedJobs(of: task))
            state.submissions[job] = submission
            let now = clock.now
            if let trace { options.traceObserver?(job, trace, now) }
            handle(.jobReleased(task: task, relativeDeadline: relativeDeadline), at: now, &state)
            return .success(job)
        }
        return try result.get()
    }

    /// Releases a job of a sporadic task and waits for its outputs. Cancelling the Swift task cancels the job.
    ///
    /// - Returns: the bytes of each output, in the order of the model's graph.
    package func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds? = nil
    ) async throws(SubmissionError) -> [[UInt8]] {
        guard !Task.isCancelled else { throw SubmissionError.notCompleted(.dropped, .cancelled, message: nil) }
        let cancellation = Cancellation()
        let result: Result<[[UInt8]], SubmissionError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                do throws(SubmissionError) {
                    let job = try submit(task: task, inputs: inputs, relativeDeadline: relativeDeadline) { result in
                        continuation.resume(returning: result)
                    }
                    if cancellation.set(job) { cancel(job) }
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        } onCancel: {
            if let job = cancellation.cancel() { cancel(job) }
        }
        return try result.get()
    }

    /// Gives up a job: at once if it waits, at the end of its stage if one is running. Its `completion` is called as
    /// for every job.
    package func cancel(_ job: JobID) {
        decide { state in
            if !state.isOver { handle(.jobCancelled(job), at: clock.now, &state) }
        }
    }

    /// Tells those who still wait that nothing more will come.
    func abandonSubmissions() {
        let left = state.withLock { state in
            defer { state.submissions.removeAll() }
            return Array(state.submissions.values)
        }
        for submission in left { answer(submission) { .failure(.stopped) } }
    }

    /// Has the completion thread tell a submitter.
    func answer(_ submission: Submission, _ result: @escaping @Sendable () -> Result<[[UInt8]], SubmissionError>) {
        completions.call {
            // Taken off before, so that a submitter that is told may submit the next job.
            self.untold.subtract(1, ordering: .relaxed)
            submission.completion(result())
        }
    }
}

/// A cancellation and the job it is for, whichever is known first.
private final class Cancellation: Sendable {
    private enum State {
        case pending
        case submitted(JobID)
        case cancelled
    }

    private let state = Mutex(State.pending)

    /// Says which job it is; `true` if it has been cancelled already.
    func set(_ job: JobID) -> Bool {
        state.withLock { state in
            if case .cancelled = state { return true }
            state = .submitted(job)
            return false
        }
    }

    /// Cancels; returns the job if it is known.
    func cancel() -> JobID? {
        state.withLock { state in
            defer { state = .cancelled }
            if case .submitted(let job) = state { return job }
            return nil
        }
    }
}

/// The bytes of a job's inputs and outputs, in the order of the model's graph. The device copies inputs in before the
/// first stage and outputs out after the last, so that only the device touches the task's own tensors.
///
/// Copies take as long as the tensors are large, so a device makes them neither in `hand` nor where it hears of ends.
package class JobTensors: @unchecked Sendable {
    // Unchecked: written by its maker, then by the lane that runs the job, then read by the submitter that is told of its
    // end; each hands it on through a lock.

    /// One array of bytes an input, row-major, little-endian, as the task's `TensorSize` says.
    package let inputs: [[UInt8]]
    /// One array of bytes an output, filled when the job completes.
    package internal(set) var outputs: [[UInt8]]

    init(inputs: [[UInt8]], outputSizes: [TensorSize]) {
        self.inputs = inputs
        outputs = outputSizes.map { [UInt8](repeating: 0, count: $0.byteCount ?? 0) }
    }

    /// Copies an input that is no string to where the device reads it.
    func copyInput(_ index: Int, to target: UnsafeMutableRawBufferPointer) {
        target.copyBytes(from: inputs[index].prefix(target.count))
    }

    /// Copies an output that is no string from where the device has written it.
    func copyOutput(_ index: Int, from source: UnsafeRawBufferPointer) {
        outputs[index].withUnsafeMutableBytes { target in
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix(target.count)))
        }
    }
}

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
    /// A stage of the job ran for far longer than is usual, and was ended.
    case overran(String)

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
        case .crashed(_, let message), .overran(let message): "the job was failed: \(message)"
        }
    }
}

/// Tells those who submitted jobs of their outcome, on a thread of its own, so that no lane ever runs their code.
///
/// What waits here is bounded by the executor's limit on submissions in flight.
final class CompletionThread: Sendable {
    private struct State {
        var calls = Deque<@Sendable () -> Void>()
        var isStopped = false
    }

    private let state = Mutex(State())
    private let semaphore = Semaphore()
    private let thread = Mutex<DedicatedThread?>(nil)

    /// Starts the thread, which lives until `stop`.
    func start() {
        thread.withLock { $0 = DedicatedThread.required(.init(name: "daris-done")) { self.run() } }
    }

    /// Calls `body` soon, after those given before.
    func call(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.calls.append(body) }
        semaphore.post()
    }

    /// Makes the calls still waiting, then ends the thread.
    func stop() {
        state.withLock { $0.isStopped = true }
        semaphore.post()
        thread.withLock { $0 }?.join()
    }

    private func run() {
        while true {
            semaphore.wait()
            let (call, isStopped) = state.withLock { ($0.calls.popFirst(), $0.isStopped) }
            if let call {
                call()
            } else if isStopped {
                return
            }
        }
    }
}
