import AsyncHTTPClient
import DarisCore
import NIOCore
import Synchronization

/// A client that sends requests to a server of the Open Inference Protocol and counts their outcomes.
///
/// With a rate, it is an open loop, like cameras and users: each request is sent when due, whether earlier ones are
/// answered or not. Response times count from the due time, so a client that sends late does not hide a slow server.
/// Without a rate, it is a closed loop: a fixed number of requests at a time, and response times count from sending.
package struct LoadGenerator: Sendable {
    /// The settings of a load.
    package struct Options: Sendable {
        /// The server, such as `http://127.0.0.1:8000`.
        package var server: String
        /// The model to ask for.
        package var model: String
        /// Requests a second; `nil` for a closed loop.
        package var rate: Double?
        /// Whether they arrive at random, at that rate on average.
        package var isPoisson = false
        /// The time from the due time of a request to its deadline; also sent to the server.
        package var deadline: Nanoseconds?
        /// 1 for high priority, more for low; `nil` for the model's.
        package var priority: Int?
        /// The time during which requests are sent.
        package var duration = Nanoseconds.seconds(Int64(10))
        /// The limit of concurrent requests.
        package var concurrency = 64
        /// The token for the server.
        package var token: String?
        /// Whether to accept any certificate.
        package var trustsAnyCertificate = false
        /// The seed of inputs and arrivals.
        package var seed: UInt64 = 1

        /// A load on a model.
        package init(server: String, model: String) {
            self.server = server
            self.model = model
        }
    }

    private let options: Options
    private let figures: Shared

    private final class Shared: Sendable {
        let figures: Mutex<LoadFigures>
        let onTheWay = Atomic(0)
        let isStopped = Atomic(false)

        init(_ figures: LoadFigures) { self.figures = Mutex(figures) }
    }

    /// A load that has not begun.
    package init(_ options: Options) {
        self.options = options
        figures = Shared(LoadFigures(hasDeadline: options.deadline != nil))
    }

    /// The figures so far.
    package var current: LoadFigures { figures.figures.withLock { $0 } }

    /// Stops sending; requests in flight are still awaited.
    package func stop() { figures.isStopped.store(true, ordering: .relaxed) }

    /// Sends for the duration and waits for all answers.
    ///
    /// - Throws: `LoadError` if the server does not answer at first.
    package func run() async throws -> LoadFigures {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = options.concurrency
        configuration.httpVersion = .http1Only
        if options.trustsAnyCertificate {
            configuration.tlsConfiguration = .makeClientConfiguration()
            configuration.tlsConfiguration?.certificateVerification = .none
        }
        let client = HTTPClient(configuration: configuration)
        do {
            let target = try await LoadTarget(
                server: options.server, model: options.model, deadline: options.deadline, priority: options.priority,
                token: options.token, seed: options.seed, client: client)
            let start = ContinuousClock.now
            if let rate = options.rate {
                await open(rate, target, client, start)
            } else {
                await closed(target, client, start)
            }
            try await client.shutdown()
            return figures.figures.withLock { figures in
                figures.elapsed = Self.since(start)
                return figures
            }
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private var isStopped: Bool { figures.isStopped.load(ordering: .relaxed) }

    private static func since(_ start: ContinuousClock.Instant) -> Nanoseconds {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private func open(
        _ rate: Double, _ target: LoadTarget, _ client: HTTPClient, _ start: ContinuousClock.Instant
    ) async {
        let period = Nanoseconds(Int64((1e9 / rate).rounded()))
        let times = ArrivalSequence(
            options.isPoisson ? .poisson : .periodic, period: period, phase: .zero, seed: options.seed)
        await withDiscardingTaskGroup { group in
            for time in times {
                guard time < options.duration, !isStopped else { break }
                let due = start + .nanoseconds(time.rawValue)
                try? await Task.sleep(until: due, tolerance: .zero)
                guard figures.onTheWay.add(1, ordering: .relaxed).newValue <= options.concurrency else {
                    figures.onTheWay.subtract(1, ordering: .relaxed)
                    figures.figures.withLock { $0.unsent += 1 }
                    continue
                }
                group.addTask {
                    await send(target, client, due: due)
                    figures.onTheWay.subtract(1, ordering: .relaxed)
                }
            }
        }
    }

    private func closed(_ target: LoadTarget, _ client: HTTPClient, _ start: ContinuousClock.Instant) async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<options.concurrency {
                group.addTask {
                    while Self.since(start) < options.duration, !isStopped {
                        await send(target, client, due: .now)
                    }
                }
            }
        }
    }

    private func send(_ target: LoadTarget, _ client: HTTPClient, due: ContinuousClock.Instant) async {
        var request = HTTPClientRequest(url: target.url)
        request.method = .POST
        request.headers = target.headers
        request.body = .bytes(target.body)
        figures.figures.withLock { figures in
            figures.sent += 1
            figures.sendingDelay.record(Self.since(due))
        }
        // The load must end even if the server does not answer.
        let timeout = (options.deadline ?? .zero) + .seconds(Int64(60))
        do {
            let response = try await client.execute(request, timeout: .nanoseconds(timeout.rawValue))
            // Outputs are read and dropped; the beginning of an error is kept.
            var beginning = ByteBuffer()
            for try await part in response.body where beginning.readableBytes < 200 {
                beginning.writeBytes(part.readableBytesView.prefix(200))
            }
            let time = Self.since(due)
            figures.figures.withLock { figures in
                switch response.status.code {
                case 200:
                    figures.response.record(time)
                    if let deadline = options.deadline, time > deadline {
                        figures.late += 1
                    } else {
                        figures.inTime += 1
                    }
                case 503:
                    figures.refused += 1
                    figures.refusal.record(time)
                case 504: figures.tooLate += 1
                case let code: figures.record(error: "\(code) \(String(buffer: beginning).prefix(200))")
                }
            }
        } catch {
            figures.figures.withLock { $0.record(error: "\(error)") }
        }
    }
}

/// The outcomes of a load's requests, on the client's side.
package struct LoadFigures: Sendable {
    /// Requests sent.
    package internal(set) var sent = 0
    /// Answered with outputs by the deadline.
    package internal(set) var inTime = 0
    /// Answered with outputs after the deadline.
    package internal(set) var late = 0
    /// Refused: status 503.
    package internal(set) var refused = 0
    /// Given up by the server after the deadline: status 504.
    package internal(set) var tooLate = 0
    /// Other outcomes, with their counts.
    package internal(set) var errors: [String: Int] = [:]
    /// Releases without a request, since the limit of concurrent requests was reached.
    package internal(set) var unsent = 0
    /// The time from the due time of a request to its answer with outputs; in a closed loop it is due when sent.
    package internal(set) var response = Distribution()
    /// The same for refused requests.
    package internal(set) var refusal = Distribution()
    /// The time from the due time of a request to its sending: the client's own delay.
    package internal(set) var sendingDelay = Distribution()
    /// The time from the first release to the last answer.
    package internal(set) var elapsed = Nanoseconds.zero

    private let hasDeadline: Bool

    init(hasDeadline: Bool) { self.hasDeadline = hasDeadline }

    /// Requests that failed for another reason than time.
    package var failed: Int { errors.values.reduce(0, +) }
    /// Requests with an answer of any kind.
    package var answered: Int { inTime + late + refused + tooLate + failed }
    /// The share that missed the deadline: answered after it, given up, or not sent. Refused requests do not count.
    package var dmr: Double {
        let missed = late + tooLate + (hasDeadline ? unsent : 0)
        return missed == 0 ? 0 : Double(missed) / Double(inTime + missed)
    }
    /// Answers with outputs a second.
    package var throughput: Double { elapsed > .zero ? Double(inTime + late) / elapsed.inSeconds : 0 }

    /// The limit of different errors that are counted separately.
    static let errorLimit = 20

    mutating func record(error: String) {
        let isNew = errors[error] == nil
        errors[isNew && errors.count >= Self.errorLimit ? "other errors" : error, default: 0] += 1
    }
}
