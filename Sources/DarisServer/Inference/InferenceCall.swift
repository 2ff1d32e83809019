import DarisCore
import DarisRuntime
import NIOCore
import Synchronization

/// One request for an inference, from its first byte to the last of its answer, whatever protocol brought it: admitted, run,
/// and counted once, when its answer has been given.
///
/// Its time starts when its first byte arrives. What it takes to receive, to read and to answer is part of it, in deadlines
/// and in what is counted.
final class InferenceCall: Sendable {
    /// What the run's figures count of the request's job.
    private enum Job {
        /// There was none.
        case none
        /// It completed by its deadline.
        case onTime
        /// It is counted as a miss.
        case missed
        /// It was rejected or cancelled, which is no miss.
        case withdrawn
    }

    private struct State {
        var queue: RequestQueue
        var deadline: Nanoseconds
        var bringsDeadline = false
        /// Its way through the queue while it is on it. The entry holds the call.
        var entry: RequestQueue.Entry?
        var isCancelled = false
        /// Where the request has a place while it is being read.
        var reserved: RequestQueue?
        var isInFlight = false
        /// What its inputs from shared memory hold, until it has been answered.
        var share: ByteBudget.Share?
        /// When the scheduler was given the job.
        var started: Nanoseconds?
        /// What the job came to, and when; `nil` until it is known.
        var job: (end: Job, time: Nanoseconds)?
        /// What the client was told, and when.
        var answer: (error: InferenceError?, time: Nanoseconds)?

        /// What the run's figures must count of the request besides its job, once both have ended: what the client saw as a
        /// miss, and the job's figures have not.
        var difference: RequestEnd? {
            guard let answer, entry == nil else { return nil }
            let isTooLate = answer.error.map { $0.kind == .tooLate || $0.kind == .failed } ?? (answer.time > deadline)
            switch job?.end ?? .none {
            case .none: return answer.error.flatMap(RequestEnd.init)
            case .onTime: return isTooLate ? .answeredLate : nil
            case .withdrawn: return answer.error?.kind == .tooLate ? .expired : nil
            case .missed: return nil
            }
        }
    }

    let model: ServedModel
    /// When the first byte came, by the clock of deadlines.
    let arrival: Nanoseconds
    let tag: RequestTag
    private let service: InferenceService
    private let sink: any JobSink
    /// Why its tensors may not be in shared memory; `nil` if they may.
    private let sharedMemoryRefusal: InferenceError?
    private let state: Mutex<State>

    /// A request whose head has come.
    ///
    /// - Parameters:
    ///   - arrival: when its first byte came.
    ///   - sharedMemoryRefusal: why its tensors may not be in shared memory; `nil` if they may.
    /// - Throws: `InferenceError` if there is no such model, or nothing is served yet; that is counted nowhere.
    init(
        _ service: InferenceService, model name: String, version: String?, arrival: NIODeadline, tag: RequestTag,
        sharedMemoryRefusal: InferenceError? = nil
    ) throws(InferenceError) {
        (model, sink) = try service.lookUp(name, version: version)
        self.service = service
        self.tag = tag
        self.sharedMemoryRefusal = sharedMemoryRefusal
        self.arrival = sink.now - max(.zero, Nanoseconds((NIODeadline.now() - arrival).nanoseconds))
        state = Mutex(State(queue: model.own, deadline: self.arrival + model.own.deadline))
    }

    /// The priority that the request has, as far as it is known.
    var priority: Priority { state.withLock { $0.queue.priority } }

    /// When the deadline passes that the request brought itself, in the clock of event loops; `nil` if it brought none.
    var ownDeadline: NIODeadline? {
        state.withLock { $0.bringsDeadline ? $0.deadline : nil }.map { .now() + .nanoseconds(($0 - sink.now).rawValue) }
    }

    /// Refuses a request that would be refused whatever it says, before its body has come.
    func admitHead() throws(InferenceError) {
        try service.check(self)
        if model.other == nil, let refusal = model.own.refusalOfAll { throw refusal }
    }

    /// Refuses a request that would be refused, before it is read.
    ///
    /// - Parameters:
    ///   - priority: as the request says; see `InferenceRequest`.
    ///   - timeout: as the request says.
    func admit(priority: Int?, timeout: Nanoseconds?) throws(InferenceError) {
        let queue = settle(priority: priority, timeout: timeout)
        try service.check(self)
        let (deadline, place) = state.withLock { ($0.deadline, $0.reserved) }
        if let refusal = queue.refusal(left: deadline - sink.now, hasPlace: place === queue) { throw refusal }
    }

    /// Keeps a place among those that wait while the request is being read.
    func reserve() {
        state.withLock { state in
            state.reserved = state.queue
            state.queue.reserve()
        }
    }

    private func giveBack() {
        state.withLock { state in
            state.reserved?.giveBack()
            state.reserved = nil
        }
    }

    /// Takes a request's own priority and deadline into account.
    @discardableResult
    private func settle(priority: Int?, timeout: Nanoseconds?) -> RequestQueue {
        state.withLock { state in
            state.queue = model.queue(priority: priority)
            state.deadline = arrival + (timeout ?? state.queue.deadline)
            state.bringsDeadline = timeout != nil
            return state.queue
        }
    }

    /// Runs the request: `completion` is called once, on any thread.
    func run(
        _ request: InferenceRequest,
        completion: @escaping @Sendable (Result<InferenceResponse, InferenceError>) -> Void
    ) {
        let queue = settle(priority: request.priority, timeout: request.timeout)
        giveBack()
        let arranged: ArrangedRequest
        do throws(InferenceError) {
            try service.check(self)
            if let sharedMemoryRefusal, request.usesSharedMemory { throw sharedMemoryRefusal }
            arranged = try service.arranged(request, model)
            arranged.share?.isLowPriority = queue.priority == .low
            try service.begin()
        } catch {
            return completion(.failure(error))
        }
        let entry = state.withLock { state -> RequestQueue.Entry? in
            // Given up while it was being read: it may have been answered, and counted, by now.
            guard !state.isCancelled else { return nil }
            state.isInFlight = true
            state.share = arranged.share
            let entry = RequestQueue.Entry(
                inputs: arranged.inputs, arrival: arrival, deadline: state.deadline, trace: tag.trace,
                account: service.account(model, tag)
            ) { [self] result, started in
                ended(result, started: started)
                completion(result.map { arranged.response($0) })
            }
            state.entry = entry
            return entry
        }
        guard let entry else {
            service.end()
            return completion(.failure(RequestQueue.cancelled))
        }
        RequestTag.$current.withValue(tag) { queue.enter(entry) }
    }

    /// Gives the request up: its client has gone, or its deadline has passed.
    func cancel() {
        let (queue, entry) = state.withLock { state in
            state.isCancelled = true
            return (state.queue, state.entry)
        }
        if let entry { queue.cancel(entry) }
    }

    /// The error of a request whose own deadline passed before it was answered.
    var tooLate: InferenceError {
        InferenceError(.tooLate, "model '\(model.name)': its deadline passed before it was done")
    }

    // MARK: - Counting

    /// Notes the end of the request's way through the queue, and of its job, if it became one.
    private func ended(_ result: Result<[[UInt8]], InferenceError>, started: Nanoseconds?) {
        let now = sink.now
        let (end, task) = state.withLock { state in
            state.started = started
            let job: Job =
                switch result {
                case _ where started == nil: .none
                case .success: now > state.deadline ? .missed : .onTime
                case .failure(let error): error.kind == .tooLate || error.kind == .failed ? .missed : .withdrawn
                }
            state.job = (job, now)
            state.entry = nil
            return (state.difference, state.queue.task)
        }
        if let end { sink.count(end, of: task) }
    }

    /// Counts the request. Called once, when its answer has been given, or it is known that there will be none.
    ///
    /// - Parameter error: that it was answered with, if any.
    func answered(_ error: InferenceError?) {
        let now = sink.now
        let (end, isInFlight, queue, isLate, started, ended) = state.withLock { state in
            precondition(state.answer == nil, "a request is answered once")
            state.answer = (error, now)
            state.share?.release()
            return (
                state.difference, state.isInFlight, state.queue, now > state.deadline, state.started, state.job?.time
            )
        }
        giveBack()
        if isInFlight { service.end() }
        if let end { sink.count(end, of: queue.task) }
        let start = started ?? now
        RequestTag.$current.withValue(tag) {
            service.note(
                error, of: model, queue.priority, isLate: isLate,
                .init(total: now - arrival, queue: start - arrival, compute: (ended ?? now) - start))
        }
    }
}
