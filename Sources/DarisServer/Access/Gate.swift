import GRPCCore
import Hummingbird

/// Who may do what: clients ask for inferences, operators load and unload models. Without tokens everybody may.
struct Gate: Sendable {
    /// What a call is about.
    enum Purpose: Sendable {
        /// Whether the server is alive and ready, which anybody may know, and the page, which holds no data.
        case health
        case inference
        case control
    }

    var inference: TokenList?
    var control: TokenList?
    var origins = OriginRule(isLoopback: false, hosts: nil)

    /// - Parameter authorization: the header of that name.
    func check(_ authorization: String?, for purpose: Purpose) throws(InferenceError) {
        let list: TokenList? =
            switch purpose {
            case .health: nil
            case .inference: inference
            case .control: control ?? inference
            }
        guard let list else { return }
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else {
            throw InferenceError(.unauthorised, "a token is needed: send the header 'Authorization: Bearer TOKEN'")
        }
        let token = authorization.dropFirst(7).trimmingPrefix { $0 == " " }
        guard list.contains(String(token)) else {
            throw InferenceError(.unauthorised, "the token is not one that may do this")
        }
    }
}

extension Gate.Purpose {
    /// What a method of gRPC is about.
    init(method: String) {
        switch method {
        case "ServerLive", "ServerReady": self = .health
        case "RepositoryModelLoad", "RepositoryModelUnload": self = .control
        default: self = .inference
        }
    }
}

/// The gate of a group of routes. Access belongs to the route that answers, however its path was spelt.
struct GateMiddleware: RouterMiddleware {
    typealias Context = ServerContext

    let gate: Gate
    let purpose: Gate.Purpose
    let connections: ConnectionTable

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        do throws(InferenceError) {
            try gate.origins.check(request, for: purpose)
            try gate.check(request.headers[.authorization], for: purpose)
            if purpose != .health, connections.standing(context.channel) == .healthOnly { throw Self.full }
        } catch {
            var response = HTTPReply.error(error)
            if error == Self.full { response.headers[.connection] = "close" }
            return response
        }
        return try await next(request, context)
    }

    private static let full = InferenceError(.connectionsFull, retryAfter: .seconds(Int64(1)))
}

/// Asks for tokens over gRPC.
struct GateInterceptor: ServerInterceptor {
    let gate: Gate

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: GRPCCore.ServerContext,
        next:
            @Sendable (StreamingServerRequest<Input>, GRPCCore.ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        do throws(InferenceError) {
            try gate.check(
                request.metadata[stringValues: "authorization"].first { _ in true },
                for: Gate.Purpose(method: context.descriptor.method))
        } catch {
            return StreamingServerResponse(error: RPCError(error))
        }
        return try await next(request, context)
    }
}
