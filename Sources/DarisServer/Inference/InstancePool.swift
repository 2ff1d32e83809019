import DarisCore
import DarisRuntime
import DequeModule
import Synchronization

/// Where jobs are handed in: an executor, and in tests something that stands in for one.
protocol JobSink: Sendable {
    /// Releases a job of a task and calls `completion` once, on a thread that belongs to no lane.
    func submit(
        task: Int, inputs: [[UInt8]], relativeDeadline: Nanoseconds?, trace: TraceContext?,
        completion: @escaping @Sendable (Result<[[UInt8]], SubmissionError>) -> Void
    ) throws(SubmissionError) -> JobID

    /// Where in `tasks`, which have no job, the last is that would be admitted now.
    func lastAdmissible(of tasks: [Int]) -> Int?

    func cancel(_ job: JobID)

    /// Whether there is a context that can run jobs now.
    var canRun: Bool { get }

    /// The clock that deadlines are told by.
    var now: Nanoseconds { get }
}

/// The tasks that serve one model at one priority, each of which runs one job at a time, and the requests that wait for
/// one to be free.
///
/// Where the scheduler would not admit another job beside those of the pool that run, a request waits for one of them to
/// end. If none runs, it is the scheduler's to judge, also of one that has waited.
///
/// A low-priority request waits only if it can still be in time: what came before it, at the pace of late, tells, times a
/// caution that grows when requests are late nevertheless. So whoever must be turned away hears of it at once. A
/// high-priority one waits as long as its deadline allows.
final class InstancePool: Sendable {
    /// A request on its way through the pool.
    final class Entry: Sendable {
        let inputs: [[UInt8]]
        let arrival: Nanoseconds
        let deadline: Nanoseconds
        let trace: TraceContext?
        /// To whose account it goes, if it goes to any.
        let account: RequestAccount?
        let completion: @Sendable (Result<[[UInt8]], InferenceError>, _ started: Nanoseconds?) -> Void
        fileprivate let place = Mutex(Place.new)

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
    fileprivate enum Place {
        case new
        case waiting
        /// Being handed in; counts the attempts of the pool, which tell two of one request apart.
        case handingIn(attempt: Int)
        case submitted(JobID)
        /// Given up; whoever has it tells.
        case cancelled
        case done
    }

    private struct State {
        var idle: [Int]
        var waiting = Deque<Entry>()
        /// How often a request has been handed in.
        var attempts = 0
        /// The times of the last jobs from hand-over to end, as MRET has those of stages; zero until there was one.
        var times = ExecutionTimeWindows(afet: CollectionOfOne(.zero), size: SchedulerOptions().windowSize)

        /// The longest of late.
        var pace: Nanoseconds { times[0] }

        /// How many times longer than the pace says a request may take: about one in a hundred is late.
        var caution = Caution(wear: 1024)
    }

    let name: String
    let tasks: [Int]
    let priority: Priority
    /// From arrival to deadline, where a request does not say.
    let deadline: Nanoseconds
    private let limit: Int
    private let sink: any JobSink
    private let state: Mutex<State>

    /// - Parameters:
    ///   - name: of the model, for messages.
    ///   - limit: the most requests that wait.
    init(
        name: String, tasks: [Int], priority: Priority, deadline: Nanoseconds, limit: Int, sink: any JobSink
    ) {
        self.name = name
        self.tasks = tasks
        self.priority = priority
        self.deadline = deadline
        self.limit = limit
        self.sink = sink
        state = Mutex(State(idle: tasks.reversed()))
    }

    /// The requests that wait, and the tasks that run.
    var load: (waiting: Int, running: Int) { state.withLock { ($0.waiting.count, tasks.count - $0.idle.count) } }

    /// Takes a request in: hands it to a free task, has it wait, or turns it away. Its completion is called once.
    func enter(_ entry: Entry) {
        handInNext()
        let now = sink.now
        let answer: InferenceError? = state.withLock { state in
            if let refusal = refusal(left: entry.deadline - now, state) { return refusal }
            entry.place.withLock { if case .new = $0 { $0 = .waiting } }
            state.waiting.append(entry)
            return nil
        }
        if let answer { return finish(entry, .failure(answer)) }
        handInNext()
    }

    /// Why a request with so much time left would not be taken in now; `nil` if it would.
    func refusal(left: Nanoseconds) -> InferenceError? {
        handInNext()
        return state.withLock { refusal(left: left, $0) }
    }

    private func refusal(left: Nanoseconds, _ state: borrowing State) -> InferenceError? {
        let count = state.waiting.count
        if count == 0, freeTask(state) != nil { return nil }
        let wait = wait(behind: count, state)
        guard count < limit else {
            return InferenceError(
                .refused, "model '\(name)': \(limit) requests wait for it already", retryAfter: wait)
        }
        let likely = Double((wait + state.pace).rawValue) * Double(state.caution.value) / Double(Caution.least)
        guard priority == .high || likely <= Double(left.rawValue) else {
            return InferenceError(
                .refused,
                "model '\(name)': it is busy\(count > 0 ? ", and \(count) requests wait for it" : ""): this one would be late",
                retryAfter: wait)
        }
        return nil
    }

    /// Gives a request up, wherever it is.
    func cancel(_ entry: Entry) {
        let job: JobID? = entry.place.withLock { place in
            switch place {
            case .submitted(let job):
                place = .cancelled
                return job
            case .new, .waiting, .handingIn:
                place = .cancelled
                return nil
            case .cancelled, .done: return nil
            }
        }
        if let job { return sink.cancel(job) }
        let wasWaiting = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0 === entry }) else { return false }
            state.waiting.remove(at: index)
            return true
        }
        if wasWaiting { finish(entry, .failure(Self.cancelled)) }
    }

    private static let cancelled = InferenceError(.cancelled, "the client gave it up")

    /// Where in `idle` a task is that would be admitted: any, if none runs.
    private func freeTask(_ state: borrowing State) -> Int? {
        state.idle.count == tasks.count ? state.idle.indices.last : sink.lastAdmissible(of: state.idle)
    }

    /// How long a request behind so many others waits until there is room for it, by as many as run now.
    private func wait(behind count: Int, _ state: borrowing State) -> Nanoseconds {
        Nanoseconds(state.pace.rawValue * Int64(count + 1) / Int64(max(1, tasks.count - state.idle.count)))
    }

    /// Hands those in who wait, as far as there is room.
    private func handInNext() {
        func next() -> (Entry, Int, attempt: Int)? {
            state.withLock { state in
                guard !state.waiting.isEmpty, let place = freeTask(state) else { return nil }
                state.attempts += 1
                return (state.waiting.removeFirst(), state.idle.remove(at: place), state.attempts)
            }
        }
        while let (entry, task, attempt) = next() { handIn(entry, to: task, attempt: attempt) }
    }

    /// Hands a request to a free task, or tells it why not and leaves the task idle.
    private func handIn(_ entry: Entry, to task: Int, attempt: Int) {
        let now = sink.now
        let left = entry.deadline - now
        guard left > .zero else {
            state.withLock { state in
                state.caution.learn(isLate: true, since: entry.arrival, now: now)
                state.idle.append(task)
            }
            return finish(
                entry, .failure(InferenceError(.tooLate, "model '\(name)': its deadline passed while it waited")))
        }
        if let refusal = entry.account?.refusal(at: now) {
            state.withLock { $0.idle.append(task) }
            return finish(entry, .failure(refusal))
        }
        let isGivenUp = entry.place.withLock { place in
            if case .cancelled = place { return true }
            place = .handingIn(attempt: attempt)
            return false
        }
        if isGivenUp {
            state.withLock { $0.idle.append(task) }
            return finish(entry, .failure(Self.cancelled))
        }
        do throws(SubmissionError) {
            let job = try sink.submit(
                task: task, inputs: entry.inputs, relativeDeadline: left, trace: entry.trace
            ) { [self] result in
                // Before the next of the same client is handed in.
                entry.account?.note(result, at: sink.now)
                learn(result, of: entry, started: now)
                if takeBack(entry, from: task, result) { return }
                handInNext()
                finish(entry, result.mapError { InferenceError($0, model: name) }, started: now)
            }
            let isCancelled = entry.place.withLock { place in
                switch place {
                case .cancelled: return true
                // Of a later attempt the job is another one: this one has been turned away meanwhile.
                case .handingIn(attempt: attempt): place = .submitted(job)
                case .handingIn, .new, .waiting, .submitted, .done: break
                }
                return false
            }
            if isCancelled { sink.cancel(job) }
        } catch {
            state.withLock { $0.idle.append(task) }
            finish(entry, .failure(InferenceError(error, model: name)))
        }
    }

    /// Takes a task back. A request that was not admitted though it seemed that it would be, because others were quicker,
    /// waits on in front, as long as there is somebody of the pool to wait for.
    private func takeBack(
        _ entry: Entry, from task: Int, _ result: Result<[[UInt8]], SubmissionError>
    ) -> Bool {
        state.withLock { state in
            state.idle.append(task)
            guard case .failure(.notCompleted(.rejected, .noContextFits, _)) = result, state.idle.count < tasks.count,
                state.waiting.count < limit
            else { return false }
            let isCancelled = entry.place.withLock { place in
                if case .cancelled = place { return true }
                place = .waiting
                return false
            }
            if !isCancelled { state.waiting.prepend(entry) }
            return !isCancelled
        }
    }

    /// Takes a job's time into account: also that of one that was given up at its deadline, which took the longest.
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
            state.caution.learn(isLate: isLate, since: entry.arrival, now: now)
        }
    }

    private func finish(_ entry: Entry, _ result: Result<[[UInt8]], InferenceError>, started: Nanoseconds? = nil) {
        entry.place.withLock { $0 = .done }
        entry.completion(result, started)
    }
}
