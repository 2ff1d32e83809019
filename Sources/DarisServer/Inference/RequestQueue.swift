import DarisCore
import DarisRuntime
import DequeModule
import Synchronization

/// The requests for one task: those whose jobs are in flight, one for each instance of the task at most, and those that wait
/// for an instance to be free.
///
/// A request is handed to the scheduler once, and the answer is final: where its job is rejected, the request is refused.
///
/// A low-priority request waits only if it can still be in time: what came before it, at the longest of the last jobs' times,
/// tells, times a safety factor that grows when requests are late nevertheless. So a request that must be refused is refused
/// at once. A high-priority one waits as long as its deadline allows. One that waits is answered at its deadline, whatever
/// runs.
final class RequestQueue: Sendable {
    /// A request on its way through the queue. `new` → `waiting` → `submitting` → `submitted` → `done`; it may skip
    /// `waiting`, and end or be cancelled in any of them.
    final class Entry: Sendable {
        let inputs: [[UInt8]]
        let arrival: Nanoseconds
        let deadline: Nanoseconds
        let trace: TraceContext?
        /// To whose account it goes, if it goes to any.
        let account: RequestAccount?
        /// Called once; `started` is when the request became a job, `nil` if it never was one.
        let completion: @Sendable (Result<[[UInt8]], InferenceError>, _ started: Nanoseconds?) -> Void
        fileprivate let phase = Mutex(Phase.new)

        init(
            inputs: [[UInt8]], arrival: Nanoseconds, deadline: Nanoseconds, trace: TraceContext? = nil,
            account: RequestAccount? = nil,
            completion: @escaping @Sendable (Result<[[UInt8]], InferenceError>, _ started: Nanoseconds?) -> Void
        ) {
            self.inputs = inputs
            self.arrival = arrival
            self.deadline = deadline
            self.trace = trace
            self.account = account
            self.completion = completion
        }
    }

    /// Where an entry is.
    fileprivate enum Phase {
        case new
        case waiting
        /// Has an instance, and is being handed in.
        case submitting
        case submitted(JobID)
        /// Cancelled while it was new, or since it has an instance: the thread that has it, or its job's end, answers.
        case cancelled
        case done
    }

    private struct State {
        /// Instances that are taken: requests that are handed in, and have not ended.
        var inFlight = 0
        var waiting = Deque<Entry>()
        /// Requests that are being read.
        var reserved = 0
        /// Wakes the queue at `wake`; made when a request waits for the first time.
        var timer: (any WakeTimer)?
        /// When the timer goes off; no later than the earliest deadline of those that wait.
        var wake: Nanoseconds?
        /// The times of the last jobs from hand-over to end, as MRET has those of stages; zero until there was one.
        var times = ExecutionTimeWindows(afet: CollectionOfOne(.zero), size: SchedulerOptions().windowSize)
        /// How many times longer than `longest` says a request may take: about one in a hundred is late.
        var safetyFactor = SafetyFactor(decay: 1024)

        /// The longest of the last jobs' times.
        var longest: Nanoseconds { times[0] }

        /// How long a request behind `count` others waits for one of `instances` to be free.
        func wait(behind count: Int, instances: Int) -> Nanoseconds {
            Nanoseconds(longest.rawValue * Int64(count + 1) / Int64(instances))
        }
    }

    /// Of the model, for messages.
    let name: String
    /// Index.
    let task: Int
    /// The most jobs in flight.
    let instances: Int
    let priority: Priority
    /// From arrival to deadline, where a request does not say.
    let deadline: Nanoseconds
    /// The AFET of all stages: no job takes less for long.
    let executionTime: Nanoseconds
    private let limit: Int
    private let sink: any JobSink
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: of the model, for messages.
    ///   - instances: of the task.
    ///   - executionTime: AFET of all stages of the task.
    ///   - limit: the most requests that wait.
    init(
        name: String, task: Int, instances: Int, priority: Priority, deadline: Nanoseconds,
        executionTime: Nanoseconds = .zero, limit: Int, sink: any JobSink
    ) {
        precondition(instances > 0, "a task has an instance at least")
        self.name = name
        self.task = task
        self.instances = instances
        self.priority = priority
        self.deadline = deadline
        self.executionTime = executionTime
        self.limit = limit
        self.sink = sink
    }

    /// The requests that wait, and those whose jobs are in flight.
    var load: (waiting: Int, inFlight: Int) { state.withLock { ($0.waiting.count, $0.inFlight) } }

    /// Why a request with so much time left would be refused now; `nil` if it would not.
    ///
    /// - Parameter hasPlace: whether a place is kept for the request.
    func refusal(left: Nanoseconds, hasPlace: Bool = false) -> InferenceError? {
        state.withLock { refusal(left: left, hasPlace: hasPlace, $0) }
    }

    /// Why any request would be refused now; `nil` if it is not so.
    var refusalOfAll: InferenceError? {
        state.withLock { state in
            state.waiting.count + state.reserved < limit ? nil : isFull(state)
        }
    }

    /// Keeps a place for a request that is being read.
    func reserve() { state.withLock { $0.reserved += 1 } }

    /// Gives the place back: the request is about to enter, or will not.
    func giveBack() { state.withLock { $0.reserved -= 1 } }

    private func isFull(_ state: borrowing State) -> InferenceError {
        InferenceError(
            .queueFull(model: name, limit: limit),
            retryAfter: state.wait(behind: state.waiting.count + state.reserved, instances: instances))
    }

    private func refusal(left: Nanoseconds, hasPlace: Bool = false, _ state: borrowing State) -> InferenceError? {
        let count = state.waiting.count + state.reserved - (hasPlace ? 1 : 0)
        if count == 0, state.inFlight < instances {
            // Even alone it would be late.
            guard priority == .high || executionTime <= left else {
                guard left > .zero else { return tooLate }
                return InferenceError(.takesLonger(model: name, executionTime, left: left))
            }
            return nil
        }
        let wait = state.wait(behind: count, instances: instances)
        guard count < limit else { return isFull(state) }
        let likely = Double((wait + state.longest).rawValue) * state.safetyFactor.factor
        guard priority == .high || likely <= Double(left.rawValue) else {
            return InferenceError(.wouldBeLate(model: name, waiting: count), retryAfter: wait)
        }
        return nil
    }

    /// Takes a request in: hands it to a free instance, has it wait, or refuses it. Its completion is called once.
    func enter(_ entry: Entry) {
        enum Next {
            case submit, wait
            case answer(InferenceError)
        }
        let now = sink.now
        let next: Next = state.withLock { state in
            entry.phase.withLock { phase in
                guard case .new = phase else { return .answer(Self.cancelled) }
                if let refusal = refusal(left: entry.deadline - now, state) { return .answer(refusal) }
                if state.waiting.isEmpty, state.inFlight < instances {
                    state.inFlight += 1
                    phase = .submitting
                    return .submit
                }
                phase = .waiting
                state.waiting.append(entry)
                wake(by: entry.deadline, &state)
                return .wait
            }
        }
        switch next {
        case .submit: submit(entry)
        case .wait: break
        case .answer(let error): finish(entry, .failure(error))
        }
    }

    /// Gives a request up, wherever it is.
    func cancel(_ entry: Entry) {
        enum Next {
            case answer, nothing
            case cancel(JobID)
        }
        let next: Next = state.withLock { state in
            entry.phase.withLock { phase in
                switch phase {
                case .waiting:
                    state.waiting.removeAll { $0 === entry }
                    phase = .done
                    return .answer
                case .submitted(let job):
                    phase = .cancelled
                    return .cancel(job)
                case .new, .submitting:
                    phase = .cancelled
                    return .nothing
                case .cancelled, .done: return .nothing
                }
            }
        }
        switch next {
        case .answer: finish(entry, .failure(Self.cancelled))
        case .cancel(let job): sink.cancel(job)
        case .nothing: break
        }
    }

    static let cancelled = InferenceError(.cancelled, "the client gave it up")

    // MARK: - Handing in

    /// Hands in a request that has an instance, then those that wait for as long as one is free.
    private func submit(_ first: Entry? = nil) {
        func next() -> Entry? {
            state.withLock { state in
                guard state.inFlight < instances, let entry = state.waiting.popFirst() else { return nil }
                state.inFlight += 1
                entry.phase.withLock { $0 = .submitting }
                return entry
            }
        }
        var entry = first ?? next()
        while let current = entry {
            if let error = handIn(current) {
                state.withLock { $0.inFlight -= 1 }
                finish(current, .failure(error))
            }
            entry = next()
        }
    }

    /// Makes a job of a request; says why if there is none.
    private func handIn(_ entry: Entry) -> InferenceError? {
        let now = sink.now
        if entry.deadline <= now {
            state.withLock { $0.safetyFactor.learn(isLate: true, since: entry.arrival, now: now) }
            return tooLate
        }
        if let refusal = entry.account?.refusal(at: now) { return refusal }
        if entry.phase.withLock({ if case .cancelled = $0 { true } else { false } }) { return Self.cancelled }
        do throws(SubmissionError) {
            let job = try sink.submit(
                task: task, inputs: entry.inputs, relativeDeadline: entry.deadline - now, trace: entry.trace
            ) { [self] result in
                ended(entry, result, started: now)
            }
            let isCancelled = entry.phase.withLock { phase in
                switch phase {
                case .submitting: phase = .submitted(job)
                case .cancelled: return true
                case .new, .waiting, .submitted, .done: break
                }
                return false
            }
            if isCancelled { sink.cancel(job) }
            return nil
        } catch {
            return InferenceError(error, model: name)
        }
    }

    /// Takes in the end of a request's job.
    private func ended(_ entry: Entry, _ result: Result<[[UInt8]], SubmissionError>, started: Nanoseconds) {
        // Before the next of the same client is handed in.
        entry.account?.note(result, at: sink.now)
        learn(result, of: entry, started: started)
        state.withLock { $0.inFlight -= 1 }
        submit()
        finish(entry, result.mapError { InferenceError($0, model: name) }, started: started)
    }

    /// Takes a job's time into account: also that of one that was dropped at its deadline, which took the longest.
    private func learn(_ result: Result<[[UInt8]], SubmissionError>, of entry: Entry, started: Nanoseconds) {
        let now = sink.now
        let isLate: Bool
        switch result {
        case .success: isLate = now > entry.deadline
        case .failure(.notCompleted(_, .deadlinePassed, _)): isLate = true
        case .failure: return
        }
        state.withLock { state in
            _ = state.times.record(now - started, stage: 0)
            state.safetyFactor.learn(isLate: isLate, since: entry.arrival, now: now)
        }
    }

    private func finish(_ entry: Entry, _ result: Result<[[UInt8]], InferenceError>, started: Nanoseconds? = nil) {
        entry.phase.withLock { $0 = .done }
        entry.completion(result, started)
    }

    // MARK: - Deadlines of those that wait

    private var tooLate: InferenceError {
        InferenceError(.tooLate, "model '\(name)': its deadline passed while it waited")
    }

    /// Has the timer go off at a time, or before.
    private func wake(by time: Nanoseconds, _ state: inout State) {
        if let wake = state.wake, wake <= time { return }
        let timer = state.timer ?? sink.timer { [weak self] in self?.expire() }
        state.timer = timer
        state.wake = time
        timer.wake(at: time)
    }

    /// Answers those that wait and whose deadline has passed.
    private func expire() {
        let now = sink.now
        let expired = state.withLock { state in
            let expired = state.waiting.filter { $0.deadline <= now }
            state.waiting.removeAll { $0.deadline <= now }
            for entry in expired {
                entry.phase.withLock { $0 = .done }
                state.safetyFactor.learn(isLate: true, since: entry.arrival, now: now)
            }
            state.wake = nil
            if let earliest = state.waiting.lazy.map(\.deadline).min() { wake(by: earliest, &state) }
            return expired
        }
        for entry in expired { finish(entry, .failure(tooLate)) }
    }
}
