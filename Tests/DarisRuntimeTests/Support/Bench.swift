import DarisCore

@testable import DarisRuntime

/// An executor over a manual device, with what came of the jobs submitted to it.
struct Bench {
    typealias Answer = Result<[[UInt8]], SubmissionError>

    /// Longer than any test: such a run ends when it is interrupted.
    static let endless = Nanoseconds.seconds(Int64(3_600))

    let executor: Executor<ManualDevice>
    let device: ManualDevice
    /// Answers to submissions, in the order in which they came.
    let answers = Journal<(job: Int, answer: Answer)>()

    /// By default every task is sporadic.
    init(
        _ tasks: [TaskSpecification], contexts: Int = 1, streams: Int = 1,
        arrivals: [Executor<ManualDevice>.Arrival]? = nil, duration: Nanoseconds = Bench.endless,
        options: Executor<ManualDevice>.Options = .init(), device: ManualDevice? = nil
    ) throws {
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: contexts, streams: streams, oversubscription: 1), tasks: tasks)
        self.device = device ?? ManualDevice(lanes: contexts * streams)
        executor = Executor(
            configuration, device: self.device, arrivals: arrivals ?? tasks.map { _ in .sporadic }, duration: duration,
            options: options)
    }

    /// By default no job is ever late.
    static func task(
        _ name: String = "task", _ priority: Priority = .high, stages: Int = 1,
        period: Nanoseconds = Bench.endless,
        deadline: Nanoseconds? = nil, late: LatenessRule = .run, overrun: OverrunRule = .skip,
        afet: Nanoseconds = .milliseconds(1)
    ) -> TaskSpecification {
        TaskSpecification(
            name: name, period: period, deadline: deadline, priority: priority, lateness: late, overrun: overrun,
            afet: [Nanoseconds](repeating: afet, count: stages))
    }

    /// Starts the run and returns what it will come to.
    func start() -> Task<Executor<ManualDevice>.Outcome, Never> {
        executor.start()
        let executor = executor
        return Task { await onThread { executor.waitForEnd() } }
    }

    /// Submits a job; its answer goes into `answers`.
    @discardableResult
    func submit(
        task: Int = 0, number: Int = 0, inputs: [[UInt8]] = [[1, 2, 3, 4]], deadline: Nanoseconds? = nil
    ) throws(SubmissionError) -> JobID {
        let answers = answers
        return try executor.submit(task: task, inputs: inputs, relativeDeadline: deadline) { answer in
            answers.append((number, answer))
        }
    }
}

extension Bench.Answer {
    /// The fate and the reason of a job without outputs.
    var ending: Ending? {
        if case .failure(.crashed(_, let message)) = self {
            return Ending(fate: .failed, reason: .contextLost, message: message)
        }
        if case .failure(.notCompleted(let fate, let reason, let message)) = self {
            return Ending(fate: fate, reason: reason, message: message)
        }
        return nil
    }

    /// The bytes of a job that completed.
    var outputs: [[UInt8]]? { try? get() }
}

struct Ending: Equatable {
    var fate: JobFate
    var reason: FateReason
    var message: String?

    init(fate: JobFate, reason: FateReason, message: String? = nil) {
        self.fate = fate
        self.reason = reason
        self.message = message
    }
}

extension ArrivalSequence {
    /// One release each period.
    static func every(_ period: Nanoseconds, from phase: Nanoseconds = .zero) -> ArrivalSequence {
        ArrivalSequence(.periodic, period: period, phase: phase, seed: 0)
    }
}
