import AsyncHTTPClient
import DarisCore
import NIOCore
import Synchronization

/// Sends requests to a server of the Open Inference Protocol and counts what becomes of them.
///
/// With a rate, requests are sent when they are due, whatever has become of those before (an open loop, as cameras and users
/// behave), and response times count from then: a client that stalls and sends late does not hide a slow server. Without one,
/// so many at a time as fast as they are answered (a closed loop), and response times count from sending.
package struct LoadGenerator: Sendable {
    /// What to send.
    package struct Options: Sendable {
        /// The server, such as `http://127.0.0.1:8000`.
        package var server: String
        /// The model to ask for.
        package var model: String
        /// Requests a second; `nil` for a closed loop.
        package var rate: Double?
        /// Whether they come at random, at that rate on average.
        package var isPoisson = false
        /// From when a request is due to its deadline; it goes with the request too, in full.
        package var deadline: Nanoseconds?
        /// 1 for high priority, more for low; `nil` leaves it to the model.
        package var priority: Int?
        /// How long to send.
        package var duration = Nanoseconds.seconds(Int64(10))
        /// The most requests on their way.
        package var concurrency = 64
        /// A token of the server's.
        package var token: String?
        /// Whether a server's certificate is taken as it is.
        package var trustsAnyCertificate = false
        /// Of inputs and arrivals.
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

    /// Sends no more; what was sent is waited for.
    package func stop() { figures.isStopped.store(true, ordering: .relaxed) }

    /// Sends for the duration and waits for all answers.
    ///
    /// - Throws: `LoadError` if the server does not answer at the start.
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
        // A server that does not answer must not keep the load from its end.
        let patience = (options.deadline ?? .zero) + .seconds(Int64(60))
        do {
            let response = try await client.execute(request, timeout: .nanoseconds(patience.rawValue))
            // Outputs are counted as answers and not kept; of an error its beginning is.
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
