import DarisCore
import Synchronization

/// A job that somebody outside waits for.
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

        let result: Result<JobID, SubmissionError> = state.withLock { state in
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
        state.withLock { state in
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
            // Taken off before, so that whoever is told may submit the next job.
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
