import GRPCCore
import Synchronization

/// gRPC's own health check (`grpc.health.v1.Health`), for the server as a whole (`""`) and the service of inferences, which are
/// ready together.
struct HealthService: RegistrableRPCService {
    static let name = "grpc.health.v1.Health"

    private enum Status: Int {
        case serving = 1
        case notServing = 2
        case unknownService = 3
    }

    /// The time between two looks for those that watch.
    private static let interval = Duration.milliseconds(200)
    /// The most that may watch at a time.
    static let watcherLimit = 256

    let service: InferenceService
    private let watchers = Watchers()

    init(service: InferenceService) { self.service = service }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: Self.name, method: "Check"),
            deserializer: RawMessageCoding(), serializer: RawMessageCoding()
        ) { request, _ in
            let request = try await ServerRequest(stream: request)
            let name = request.message.text(field: 1) ?? ""
            let status = status(of: name)
            guard status != .unknownService else {
                throw RPCError(code: .notFound, message: "there is no service '\(name.prefix(200))'")
            }
            return StreamingServerResponse(single: ServerResponse(message: Self.message(status)))
        }
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: Self.name, method: "Watch"),
            deserializer: RawMessageCoding(), serializer: RawMessageCoding()
        ) { request, context in
            let name = try await ServerRequest(stream: request).message.text(field: 1) ?? ""
            return StreamingServerResponse { writer in
                guard watchers.join() else {
                    throw RPCError(InferenceError(.tooManyWatchers(limit: Self.watcherLimit)))
                }
                defer { watchers.leave() }
                try await watch(name, context) { try await writer.write(Self.message($0)) }
                return [:]
            }
        }
    }

    /// Tells of a service's status now and whenever it changes, until the client has enough or the server ends.
    private func watch(
        _ name: String, _ context: GRPCCore.ServerContext, tell: (Status) async throws -> Void
    ) async throws {
        var told: Status?
        while true {
            let status = status(of: name)
            if status != told { try await tell(status) }
            told = status
            // The server's end cancels its calls.
            guard service.obstacle != .ending, !context.cancellation.isCancelled, !Task.isCancelled else {
                throw RPCError(code: .unavailable, message: Refusal.ending.description)
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func status(of name: String) -> Status {
        guard name.isEmpty || name == GRPCService.name else { return .unknownService }
        return service.isReady ? .serving : .notServing
    }

    private static func message(_ status: Status) -> RawMessage {
        var message = RawMessage()
        message.add(1, small: status.rawValue)
        return message
    }

    private final class Watchers: Sendable {
        private let count = Mutex(0)

        func join() -> Bool {
            count.withLock { count in
                guard count < HealthService.watcherLimit else { return false }
                count += 1
                return true
            }
        }

        func leave() { count.withLock { $0 -= 1 } }
    }
}
