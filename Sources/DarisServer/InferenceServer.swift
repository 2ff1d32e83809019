import DarisConfiguration
import DarisCore
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Listens for clients and answers them until it is told to end.
///
/// ```swift
/// let server = try InferenceServer(service, settings: taskSet.serve, version: "1.0", logger: logger)
/// try await server.run { listeners in print("http://\(listeners.http)") }
/// ```
///
/// It listens from the start; what the service does not have yet is said to be loading.
package final class InferenceServer: Sendable {
    private let service: InferenceService
    private let settings: ServeSettings
    private let version: String
    private let logger: Logger
    private let gate: Gate
    private let feed: LiveFeed
    private let certificates: Certificates?
    private let ending = AsyncStream<Void>.makeStream()
    private let ended = Mutex<ContinuousClock.Instant?>(nil)

    /// Checks what can be checked before anybody is listened to.
    ///
    /// - Parameters:
    ///   - allowsOpen: whether other machines may be listened to without tokens.
    ///   - version: of Daris, for clients.
    /// - Throws: `ServerError` that says what would be right.
    package init(
        _ service: InferenceService, settings: ServeSettings, allowsOpen: Bool = false, version: String, logger: Logger
    ) throws(ServerError) {
        guard settings.http != nil || settings.grpc != nil else {
            throw ServerError("neither HTTP nor gRPC is to be spoken; give one of them an address")
        }
        for address in settings.addresses where !address.isLoopback && settings.inferenceTokens == nil && !allowsOpen {
            throw ServerError(
                "other machines could reach \(address) without a token; name a file of tokens "
                    + "('serve: {tokens: {inference: FILE}}'), listen on 127.0.0.1, or say --insecure")
        }
        gate = Gate(
            inference: try settings.inferenceTokens.map { path throws(ServerError) in try TokenList(path: path) },
            control: try settings.controlTokens.map { path throws(ServerError) in try TokenList(path: path) })
        certificates = try settings.tls.map { tls throws(ServerError) in try Certificates(tls, logger: logger) }
        feed = LiveFeed(service, version: version)
        self.service = service
        self.settings = settings
        self.version = version
        self.logger = logger
    }

    /// Finds out whether the addresses can be listened on.
    ///
    /// - Throws: `ServerError` that names the address.
    package func checkAddresses() throws(ServerError) {
        for address in settings.addresses where address.port != 0 {
            do {
                let channel = try ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .bind(host: address.host, port: address.port).wait()
                try channel.close().wait()
            } catch {
                throw ServerError("\(address) cannot be listened on: \(Self.reason(error))")
            }
        }
    }

    private static func reason(_ error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }

    /// Has `run` end as an operator wants it: the server says that it is not ready, goes on for the drain's delay, so that
    /// a load balancer learns of that, and then takes no more. While it is loading it ends at once.
    package func endAfterDelay() {
        service.announceEnd()
        let delay = settings.drainDelay
        guard delay > .zero, service.isLoaded else { return end() }
        Task {
            try? await Task.sleep(for: .nanoseconds(delay.rawValue))
            end()
        }
    }

    /// Has `run` end: no more requests are taken, those that came are answered as far as the drain limit allows, and refused
    /// after it.
    package func end() {
        ended.withLock { if $0 == nil { $0 = .now } }
        service.drain()
        ending.continuation.finish()
    }

    /// What is left of the drain limit.
    package var drainTimeLeft: Nanoseconds {
        let spent = ended.withLock { $0 }.map { Nanoseconds($0.duration(to: .now)) } ?? .zero
        return max(.zero, settings.bounds.drain - spent)
    }

    /// Serves until `end`.
    ///
    /// - Parameter onListening: told of the addresses once they are listened on.
    /// - Returns: how many requests were not answered by the drain limit, other than that the server ends.
    package func run(
        onListening: @escaping @Sendable (Listeners) -> Void
    ) async throws -> Int {
        let listening = Listening(settings, onListening)
        let pool = CodingPool()
        let callGate = settings.grpc.map { gate.forListener($0, hosts: settings.hosts) } ?? gate
        let connections = try Connections(
            settings, .init(service: service, gate: callGate, bounds: settings.bounds, pool: pool), logger: logger)
        service.watch(connections)
        var services: [any Service] = []
        if let certificates { services.append(certificates.reloader) }
        if let address = settings.http { services.append(try http(address, listening, connections, pool)) }
        if let address = settings.grpc { services.append(try grpc(address, callGate, listening, connections)) }
        if let address = settings.metrics.address { services.append(try metrics(address, listening, connections)) }
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, failureTerminationBehavior: .cancelGroup) }, logger: logger)
        // A last resort: the connections are closed by then.
        configuration.maximumGracefulShutdownDuration = .nanoseconds(settings.bounds.drain.rawValue) + .seconds(5)
        let group = ServiceGroup(configuration: configuration)
        let drained = Task { [self] in
            for await _ in ending.stream {}
            return await drain(connections, group)
        }
        do {
            try await group.run()
        } catch {
            end()
            drained.cancel()
            throw ServerError("\(Self.words(error, settings))")
        }
        end()
        return await drained.value
    }

    /// Lets requests be answered until the drain limit, refuses those that are left, and closes every connection.
    ///
    /// - Returns: how many were left.
    private func drain(_ connections: Connections, _ group: ServiceGroup) async -> Int {
        let limit = ContinuousClock.now + .nanoseconds(drainTimeLeft.rawValue)
        func wait(until end: ContinuousClock.Instant, while condition: () -> Bool) async {
            while condition(), .now < end { try? await Task.sleep(for: .milliseconds(5)) }
        }
        await wait(until: limit) { service.requestsInFlight > 0 }
        feed.end()
        let ending = InferenceError(.ending, retryAfter: .seconds(Int64(1)))
        connections.end(telling: .finish(ending))
        await group.triggerGracefulShutdown()
        await wait(until: limit) { connections.open > 0 }
        let left = service.requestsInFlight
        connections.end(telling: .refuse(ending))
        await wait(until: .now + .seconds(1)) { connections.open > 0 }
        connections.closeAll()
        return left
    }

    private static func words(_ error: any Error, _ settings: ServeSettings) -> String {
        if let error = error as? IOError {
            let places = settings.addresses.map(String.init(describing:))
            return "\(places.joined(separator: " and ")) cannot be listened on: \(reason(error))"
        }
        return "\(error)"
    }

    // MARK: - HTTP

    private func http(
        _ address: ServeSettings.Address, _ listening: Listening, _ connections: Connections, _ pool: CodingPool
    ) throws -> any Service {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestTagging(journal: service.journal, usesTokens: gate.inference != nil))
        let table = connections.http
        let bounds = settings.bounds
        let origins = Set(settings.origins ?? [])
        if !origins.isEmpty { router.add(middleware: Preflight(origins: origins)) }
        let gate = gate.forListener(address, hosts: settings.hosts, origins: origins)
        let routes = RouteGroups(router, gate: gate, connections: table)
        OpenInferenceRoutes(service: service, version: version).add(to: routes)
        SharedMemoryRoutes(regions: service.sharedMemory, refusal: gate.sharedMemoryRefusal).add(to: routes)
        LiveRoutes(service: service, feed: feed, version: version, connections: table).add(to: routes)
        metricsRoute.add(to: routes)
        routes.refuseOtherMethods()
        let inferences = HTTPInference.Place(
            service: service, gate: gate, bounds: bounds, table: table, budget: connections.budget, pool: pool)
        return try application(
            router, on: address,
            [
                ConnectionWatch(table: table, receive: bounds.receive, idle: bounds.idle, origins: origins),
                HTTPInference(inferences),
            ]
        ) { listening.http($0) }
    }

    private var metricsRoute: MetricsRoute {
        MetricsRoute(service: service, feed: feed, version: version, triton: settings.metrics.triton)
    }

    /// A listener for metrics alone, for clients that can reach it and have a token, where tokens are needed.
    private func metrics(
        _ address: ServeSettings.Address, _ listening: Listening, _ connections: Connections
    ) throws -> any Service {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestTagging(journal: service.journal, usesTokens: gate.inference != nil))
        var gate = gate
        gate.origins = OriginRule(isLoopback: address.isLoopback, hosts: settings.hosts)
        let table = connections.metrics
        let routes = RouteGroups(router, gate: gate, connections: table)
        metricsRoute.add(to: routes)
        routes.refuseOtherMethods()
        let (receive, idle) = (settings.bounds.receive, settings.bounds.idle)
        return try application(router, on: address, [ConnectionWatch(table: table, receive: receive, idle: idle)]) {
            listening.metrics($0)
        }
    }

    /// - Parameter handlers: of each connection.
    private func application(
        _ router: Router<ServerContext>, on address: ServeSettings.Address,
        _ handlers: @autoclosure @escaping @Sendable () -> [any RemovableChannelHandler],
        whenListening: @escaping @Sendable (_ port: Int?) -> Void
    ) throws -> any Service {
        let base = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: handlers()))
        let builder =
            if let certificates {
                try HTTPServerBuilder.tls(base, tlsConfiguration: try certificates.configuration())
            } else { base }
        return Application(
            router: router, server: builder,
            configuration: .init(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in whenListening(channel.localAddress?.port) }, logger: logger)
    }

    // MARK: - gRPC

    private func grpc(
        _ address: ServeSettings.Address, _ gate: Gate, _ listening: Listening, _ connections: Connections
    ) throws -> any Service {
        let bounds = settings.bounds
        let security = try certificates?.security() ?? .plaintext
        let transport = HTTP2ServerTransport.Posix(
            address: address.host.contains(":")
                ? .ipv6(host: address.host, port: address.port)
                // gRPC takes numbers, no names.
                : .ipv4(host: address.host == "localhost" ? "127.0.0.1" : address.host, port: address.port),
            transportSecurity: security,
            config: .defaults { config in
                config.rpc.maxRequestPayloadSize = bounds.body
                // A tensor comes in few pieces, without waiting for leave in between.
                config.http2.maxFrameSize = CallGuard.window
                config.http2.targetWindowSize = CallGuard.window
                config.http2.maxConcurrentStreams = min(bounds.requests, 128)
                config.connection.maxIdleTime = .nanoseconds(bounds.idle.rawValue)
                config.channelDebuggingCallbacks.onAcceptTCPConnection = { connections.accept(connection: $0) }
                config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { connections.accept(call: $0) }
            })
        return GRPCListener(
            server: GRPCServer(
                transport: transport,
                services: [
                    GRPCService(service: service, version: version, sharedMemoryRefusal: gate.sharedMemoryRefusal),
                    HealthService(service: service), try ReflectionService(),
                ],
                interceptors: [
                    RequestTaggingInterceptor(journal: service.journal, usesTokens: gate.inference != nil),
                    GateInterceptor(gate: gate),
                ]),
            transport: transport, listening: listening)
    }
}

/// A gRPC server that says when it listens and ends with its group.
private struct GRPCListener: Service {
    let server: GRPCServer<HTTP2ServerTransport.Posix>
    let transport: HTTP2ServerTransport.Posix
    let listening: Listening

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.serve() }
                let address = try? await transport.listeningAddress
                listening.grpc(address?.ipv4?.port ?? address?.ipv6?.port)
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }
}

/// The addresses that a server listens on.
package struct Listeners: Hashable, Sendable {
    package fileprivate(set) var http: ServeSettings.Address?
    package fileprivate(set) var grpc: ServeSettings.Address?
    package fileprivate(set) var metrics: ServeSettings.Address?
}

/// Says once that all that is to be listened on is.
private final class Listening: Sendable {
    private struct State {
        var listeners: Listeners
        /// How many are not open yet.
        var missing: Int
    }

    private let state: Mutex<State>
    private let call: @Sendable (Listeners) -> Void

    init(_ settings: ServeSettings, _ call: @escaping @Sendable (Listeners) -> Void) {
        self.call = call
        let listeners = Listeners(http: settings.http, grpc: settings.grpc, metrics: settings.metrics.address)
        state = Mutex(State(listeners: listeners, missing: settings.addresses.count))
    }

    /// HTTP is listened on, at this port.
    func http(_ port: Int?) { tell(\.http, port) }

    /// gRPC is listened on, at this port.
    func grpc(_ port: Int?) { tell(\.grpc, port) }

    /// Metrics are listened on, at this port.
    func metrics(_ port: Int?) { tell(\.metrics, port) }

    private func tell(_ listener: WritableKeyPath<Listeners, ServeSettings.Address?>, _ port: Int?) {
        let all: Listeners? = state.withLock { state in
            if let port { state.listeners[keyPath: listener]?.port = port }
            state.missing -= 1
            return state.missing == 0 ? state.listeners : nil
        }
        if let all { call(all) }
    }
}
