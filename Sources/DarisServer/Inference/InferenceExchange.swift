import DarisCore
import NIOCore

/// One request and its answer on a connection: read, run, answered, each where it belongs.
///
/// What is short is done at once. Long JSON and compressed bodies are read and written by the coding pool. A request that
/// brings its own deadline is answered at that time, whatever runs. The connection's event loop gives the answer, once.
///
/// Unchecked: what changes is touched on the event loop alone.
final class InferenceExchange<Answer: Sendable>: @unchecked Sendable {
    /// How a protocol writes an answer.
    struct Writing: Sendable {
        /// Whether it takes long.
        let isLong: @Sendable (InferenceResponse) -> Bool
        let write: @Sendable (InferenceResponse) throws(InferenceError) -> Answer
    }

    private let call: InferenceCall
    private let pool: CodingPool
    private let eventLoop: any EventLoop
    /// Gives the answer to the client; on the event loop, and once.
    private let give: (Result<Answer, InferenceError>) -> Void
    private var isAnswered = false
    private var timer: Scheduled<Void>?

    init(
        _ call: InferenceCall, pool: CodingPool, eventLoop: any EventLoop,
        give: @escaping (Result<Answer, InferenceError>) -> Void
    ) {
        self.call = call
        self.pool = pool
        self.eventLoop = eventLoop
        self.give = give
    }

    /// Reads the request that has arrived, runs it, and gives the answer.
    ///
    /// - Parameters:
    ///   - isLong: whether `read` takes long.
    ///   - read: what reads it, on a thread of the pool if that is long.
    func start(
        isLong: Bool, writing: Writing, read: @escaping @Sendable () throws(InferenceError) -> InferenceRequest
    ) {
        eventLoop.assertInEventLoop()
        guard isLong else { return proceed(Result(catching: read), writing) }
        call.reserve()
        pool.run(call.priority) { [self] in proceed(Result(catching: read), writing) }
    }

    private func proceed(_ request: Result<InferenceRequest, InferenceError>, _ writing: Writing) {
        switch request {
        case .failure(let error): finish(.failure(error))
        case .success(let request):
            call.run(request) { [self] result in write(result, writing) }
            // The job may have ended by now; then there is nothing to wait for.
            if request.timeout != nil { eventLoop.execute { [self] in startTimer() } }
        }
    }

    private func startTimer() {
        guard !isAnswered, let deadline = call.ownDeadline else { return }
        timer = eventLoop.scheduleTask(deadline: deadline) { [self] in
            answer(.failure(call.tooLate))
            call.cancel()
        }
    }

    private func write(_ result: Result<InferenceResponse, InferenceError>, _ writing: Writing) {
        switch result {
        case .failure(let error): finish(.failure(error))
        case .success(let response):
            let write = { @Sendable [self] in
                finish(
                    Result { () throws(InferenceError) in try writing.write(response) },
                    delivering: response.usesSharedMemory ? response : nil)
            }
            if writing.isLong(response) { pool.run(call.priority, write) } else { write() }
        }
    }

    private func finish(_ result: Result<Answer, InferenceError>, delivering response: InferenceResponse? = nil) {
        if eventLoop.inEventLoop { return answer(result, delivering: response) }
        eventLoop.execute { [self] in answer(result, delivering: response) }
    }

    /// Nothing is answered any more.
    func abandon() {
        isAnswered = true
        timer?.cancel()
        call.cancel()
    }

    /// - Parameter response: what has outputs for shared memory, which are written only if it is the answer.
    private func answer(_ result: Result<Answer, InferenceError>, delivering response: InferenceResponse? = nil) {
        guard !isAnswered else { return }
        isAnswered = true
        timer?.cancel()
        // It may have passed just before the timer.
        if case .success = result {
            if let deadline = call.ownDeadline, deadline < .now() { return give(.failure(call.tooLate)) }
            do throws(InferenceError) { try response?.deliver() } catch { return give(.failure(error)) }
        }
        give(result)
    }
}

extension Result {
    /// The error, if there is one.
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
