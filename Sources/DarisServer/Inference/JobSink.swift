import DarisCore
import DarisRuntime
import Dispatch

/// Where jobs are handed in: an executor, and in tests something that stands in for one.
protocol JobSink: Sendable {
    /// Releases a job of a task and calls `completion` once, on a thread that belongs to no lane.
    func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds?, trace: TraceContext?,
        completion: @escaping @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    ) throws(SubmissionError) -> JobID

    func cancel(_ job: JobID)

    /// Counts a request for a job of a task that ended before it was one; of no task if that is below 0.
    func count(_ end: RequestEnd, of task: Int)

    /// Whether there is a context that can run jobs now.
    var canRun: Bool { get }

    /// The clock that deadlines are told by.
    var now: Nanoseconds { get }

    /// A timer by that clock, which calls `body` each time it goes off, on a thread of its own.
    func timer(_ body: @escaping @Sendable () -> Void) -> any WakeTimer
}

/// Goes off at one time, which can be moved.
protocol WakeTimer: Sendable {
    /// Goes off once at `time`, and at no other time that was said before. It may go off early, too.
    func wake(at time: Nanoseconds)
}

/// An executor as request queues see it.
struct ExecutorSink<D: Device>: JobSink {
    let executor: Executor<D>

    func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds?, trace: TraceContext?,
        completion: @escaping @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    ) throws(SubmissionError) -> JobID {
        try executor.submit(
            task: task, inputs: inputs, relativeDeadline: relativeDeadline, trace: trace, completion: completion)
    }

    func cancel(_ job: JobID) { executor.cancel(job) }

    func count(_ end: RequestEnd, of task: Int) { if task >= 0 { executor.count(end, of: task) } }

    var canRun: Bool { executor.canRun }

    var now: Nanoseconds { executor.now }

    func timer(_ body: @escaping @Sendable () -> Void) -> any WakeTimer {
        DispatchWakeTimer(now: { [executor] in executor.now }, body)
    }
}

/// A timer of the system. It depends on no pool of threads that inferences keep busy: a serial queue gets a thread whenever it
/// has work.
private final class DispatchWakeTimer: WakeTimer {
    // Sources may be used from any thread.
    private nonisolated(unsafe) let source: any DispatchSourceTimer
    private let now: @Sendable () -> Nanoseconds

    init(now: @escaping @Sendable () -> Nanoseconds, _ body: @escaping @Sendable () -> Void) {
        self.now = now
        source = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "daris.deadlines"))
        source.setEventHandler(handler: body)
        source.schedule(deadline: .distantFuture)
        source.resume()
    }

    deinit { source.cancel() }

    func wake(at time: Nanoseconds) {
        // Far beyond what anybody waits, and within what the system can count.
        let left = min(max(time - now(), .zero), .seconds(Int64(86_400)))
        source.schedule(deadline: .now() + .nanoseconds(Int(left.rawValue)))
    }
}
