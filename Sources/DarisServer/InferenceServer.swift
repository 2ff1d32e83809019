import DarisConfiguration
import DarisCore
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCertificateReloading
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// Listens for clients and answers them until it is told to end.
///
/// ```swift
/// let server = try InferenceServer(service, settings: taskSet.serve, version: "1.0", logger: logger)
/// try await server.run { http, grpc in print("http://\(http)") }
/// ```
package final class InferenceServer: Sendable {
    private let service: InferenceService
    private let settings: ServeSettings
    private let version: String
    private let logger: Logger
    private let gate: Gate
    private let feed: LiveFeed
    private let reloader: TimedCertificateReloader?
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
        for address in [settings.http, settings.grpc].compactMap({ $0 })
        where !address.isLoopback && settings.inferenceTokens == nil && !allowsOpen {
            throw ServerError(
                "other machines could reach \(address) without a token; name a file of tokens "
                    + "('serve: {tokens: {inference: FILE}}'), listen on 127.0.0.1, or say --insecure")
        }
        gate = Gate(
            inference: try settings.inferenceTokens.map { path throws(ServerError) in try TokenList(path: path) },
            control: try settings.controlTokens.map { path throws(ServerError) in try TokenList(path: path) })
        do {
            reloader = try settings.tls.map { tls in
                try TimedCertificateReloader.makeReloaderValidatingSources(
                    refreshInterval: .seconds(10),
                    certificateSource: .init(location: .file(path: tls.certificate), format: .pem),
                    privateKeySource: .init(location: .file(path: tls.key), format: .pem), logger: logger)
            }
        } catch {
            throw ServerError("the certificate or its key is of no use: \(error)")
        }
        feed = LiveFeed(service)
        self.service = service
        self.settings = settings
        self.version = version
        self.logger = logger
    }

    /// Finds out early whether the addresses can be listened on, before models are loaded for nothing.
    ///
    /// - Throws: `ServerError` that names the address.
    package func checkAddresses() throws(ServerError) {
        for address in [settings.http, settings.grpc].compactMap({ $0 }) where address.port != 0 {
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
    /// - Parameter onReady: told of the addresses once they are listened on.
    /// - Returns: how many requests were not answered by the drain limit, other than that the server ends.
    package func run(
        onReady: @escaping @Sendable (_ http: ServeSettings.Address?, _ grpc: ServeSettings.Address?) -> Void
    ) async throws -> Int {
        let readiness = Readiness(settings, onReady)
        let pool = CodingPool()
        let callGate = settings.grpc.map { gate.forListener($0, hosts: settings.hosts) } ?? gate
        let connections = try Connections(
            settings, .init(service: service, gate: callGate, bounds: settings.bounds, pool: pool), logger: logger)
        service.watch(connections)
        var services: [any Service] = []
        if let reloader { services.append(reloader) }
        if let address = settings.http { services.append(try http(address, readiness, connections, pool)) }
        if let address = settings.grpc { services.append(try grpc(address, callGate, readiness, connections)) }
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
            let places = [settings.http, settings.grpc].compactMap { $0.map(String.init(describing:)) }
            return "\(places.joined(separator: " and ")) cannot be listened on: \(reason(error))"
        }
        return "\(error)"
    }

    // MARK: - HTTP

    private func http(
        _ address: ServeSettings.Address, _ readiness: Readiness, _ connections: Connections, _ pool: CodingPool
    ) throws -> any Service {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestTagging(journal: service.journal, usesTokens: gate.inference != nil))
        let table = connections.http
        let bounds = settings.bounds
        let gate = gate.forListener(address, hosts: settings.hosts)
        let routes = RouteGroups(router, gate: gate, connections: table)
        OpenInferenceRoutes(service: service, version: version).add(to: routes)
        SharedMemoryRoutes(regions: service.sharedMemory, refusal: gate.sharedMemoryRefusal).add(to: routes)
        LiveRoutes(service: service, feed: feed, version: version, connections: table).add(to: routes)
        let inferences = HTTPInference.Place(
            service: service, gate: gate, bounds: bounds, table: table, budget: connections.budget, pool: pool)
        let base = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [
                    ConnectionWatch(table: table, receive: bounds.receive), HTTPInference(inferences),
                ],
                idleTimeout: .nanoseconds(bounds.idle.rawValue)))
        let builder =
            if let reloader {
                try HTTPServerBuilder.tls(
                    base, tlsConfiguration: try .makeServerConfiguration(certificateReloader: reloader))
            } else { base }
        return Application(
            router: router, server: builder,
            configuration: .init(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in
                readiness.http(channel.localAddress?.port)
            }, logger: logger)
    }

    // MARK: - gRPC

    private func grpc(
        _ address: ServeSettings.Address, _ gate: Gate, _ readiness: Readiness, _ connections: Connections
    ) throws -> any Service {
        let bounds = settings.bounds
        let security: HTTP2ServerTransport.Posix.TransportSecurity =
            if let reloader { try .tls(certificateReloader: reloader) } else { .plaintext }
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
                    GRPCService(service: service, version: version, sharedMemoryRefusal: gate.sharedMemoryRefusal)
                ],
                interceptors: [
                    RequestTaggingInterceptor(journal: service.journal, usesTokens: gate.inference != nil),
                    GateInterceptor(gate: gate),
                ]),
            transport: transport, readiness: readiness)
    }
}

/// A gRPC server that says when it listens and ends with its group.
private struct GRPCListener: Service {
    let server: GRPCServer<HTTP2ServerTransport.Posix>
    let transport: HTTP2ServerTransport.Posix
    let readiness: Readiness

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.serve() }
                let address = try? await transport.listeningAddress
                readiness.grpc(address?.ipv4?.port ?? address?.ipv6?.port)
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }
}

/// Says once that all that is to be listened on is.
final class Readiness: Sendable {
    private struct State {
        var http: ServeSettings.Address?
        var grpc: ServeSettings.Address?
        var isHTTPOpen: Bool
        var isGRPCOpen: Bool
    }

    private let state: Mutex<State>
    private let call: @Sendable (ServeSettings.Address?, ServeSettings.Address?) -> Void

    init(
        _ settings: ServeSettings, _ call: @escaping @Sendable (ServeSettings.Address?, ServeSettings.Address?) -> Void
    ) {
        self.call = call
        state = Mutex(
            State(
                http: settings.http, grpc: settings.grpc, isHTTPOpen: settings.http == nil,
                isGRPCOpen: settings.grpc == nil))
    }

    /// HTTP is listened on, at this port.
    func http(_ port: Int?) {
        tell { state in
            state.isHTTPOpen = true
            if let port { state.http?.port = port }
        }
    }

    /// gRPC is listened on, at this port.
    func grpc(_ port: Int?) {
        tell { state in
            state.isGRPCOpen = true
            if let port { state.grpc?.port = port }
        }
    }

    private func tell(_ change: (inout State) -> Void) {
        let both: (ServeSettings.Address?, ServeSettings.Address?)? = state.withLock { state in
            change(&state)
            return state.isHTTPOpen && state.isGRPCOpen ? (state.http, state.grpc) : nil
        }
        if let both { call(both.0, both.1) }
    }
}
