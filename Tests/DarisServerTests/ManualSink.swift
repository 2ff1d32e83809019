import DarisCore
import DarisRuntime
import Synchronization

@testable import DarisServer

/// A sink whose clock and jobs a test moves by hand.
final class ManualSink: JobSink {
    struct Job {
        var id: JobID
        var relativeDeadline: Nanoseconds?
        var trace: TraceContext?
        var completion: @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    }

    /// A timer of that clock.
    final class Timer: WakeTimer {
        let time = Mutex<Nanoseconds?>(nil)
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }

        func wake(at time: Nanoseconds) { self.time.withLock { $0 = time } }

        /// Goes off if it is time.
        func advance(to now: Nanoseconds) {
            let isDue = time.withLock { time in
                guard let due = time, due <= now else { return false }
                time = nil
                return true
            }
            if isDue { body() }
        }
    }

    struct State {
        var now = Nanoseconds.zero
        var jobs: [Job] = []
        var cancelled: [JobID] = []
        var submitted = 0
        var refusal: SubmissionError?
        var canRun = true
        /// What was counted of requests that never became jobs.
        var ends: [RequestEnd] = []
        var timers: [Timer] = []
        /// Called before a submission returns.
        var whenSubmitted: (@Sendable (JobID) -> Void)?
    }

    let state = Mutex(State())

    var now: Nanoseconds { state.withLock { $0.now } }
    var canRun: Bool { state.withLock { $0.canRun } }

    func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds?, trace: TraceContext?,
        completion: @escaping @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    ) throws(SubmissionError) -> JobID {
        let result: Result<JobID, SubmissionError> = state.withLock { state in
            if let refusal = state.refusal { return .failure(refusal) }
            let id = JobID(task: task, sequence: state.submitted)
            state.submitted += 1
            state.jobs.append(Job(id: id, relativeDeadline: relativeDeadline, trace: trace, completion: completion))
            return .success(id)
        }
        let job = try result.get()
        state.withLock { $0.whenSubmitted }?(job)
        return job
    }

    func cancel(_ job: JobID) { state.withLock { $0.cancelled.append(job) } }

    func count(_ end: RequestEnd, of task: Int) { state.withLock { $0.ends.append(end) } }

    func timer(_ body: @escaping @Sendable () -> Void) -> any WakeTimer {
        let timer = Timer(body)
        state.withLock { $0.timers.append(timer) }
        return timer
    }

    func advance(milliseconds: Int64) {
        let (now, timers) = state.withLock { state in
            state.now += .milliseconds(milliseconds)
            return (state.now, state.timers)
        }
        for timer in timers { timer.advance(to: now) }
    }

    /// Ends the job handed in first of those that run.
    func finishFirst(_ result: Result<[[UInt8]], SubmissionError> = .success([[1]])) { finish(at: 0, result) }

    func finish(at place: Int, _ result: Result<[[UInt8]], SubmissionError>) {
        state.withLock { $0.jobs.remove(at: place) }.completion(result)
    }

    var running: Int { state.withLock { $0.jobs.count } }
}

extension Result<[[UInt8]], SubmissionError> {
    /// The scheduler did not admit the job.
    static var rejected: Self { .failure(.notCompleted(.rejected, .noContextFits, message: nil)) }

    /// The job was dropped at its deadline.
    static var dropped: Self { .failure(.notCompleted(.dropped, .deadlinePassed, message: nil)) }
}
