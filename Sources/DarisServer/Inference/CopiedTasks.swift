import DarisCore
import DarisRuntime
import Synchronization

/// Copies of a task, each of which has one job at a time, as one task with so many instances.
struct CopiedTasks: JobSink {
    private final class Free: Sendable {
        let tasks: Mutex<[Int]>

        init(_ tasks: [Int]) { self.tasks = Mutex(tasks.reversed()) }
    }

    private let sink: any JobSink
    private let free: Free

    init(_ tasks: [Int], on sink: any JobSink) {
        self.sink = sink
        free = Free(tasks)
    }

    func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds?, trace: TraceContext?,
        completion: @escaping @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    ) throws(SubmissionError) -> JobID {
        let copy = free.tasks.withLock { $0.removeLast() }
        do throws(SubmissionError) {
            return try sink.submit(task: copy, inputs: inputs, relativeDeadline: relativeDeadline, trace: trace) {
                [free] result in
                free.tasks.withLock { $0.append(copy) }
                completion(result)
            }
        } catch {
            free.tasks.withLock { $0.append(copy) }
            throw error
        }
    }

    func cancel(_ job: JobID) { sink.cancel(job) }

    func count(_ end: RequestEnd, of task: Int) { sink.count(end, of: task) }

    var canRun: Bool { sink.canRun }

    var now: Nanoseconds { sink.now }

    func timer(_ body: @escaping @Sendable () -> Void) -> any WakeTimer { sink.timer(body) }
}
