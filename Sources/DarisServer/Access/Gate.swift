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

/// Asks for tokens over HTTP.
struct GateMiddleware: RouterMiddleware {
    typealias Context = ServerContext

    let gate: Gate

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        let purpose: Gate.Purpose =
            path.hasPrefix("/v2/health/") || path == "/"
            ? .health : path.hasPrefix("/v2/repository/models/") ? .control : .inference
        do throws(InferenceError) {
            try gate.check(request.headers[.authorization], for: purpose)
        } catch {
            return HTTPReply.error(error)
        }
        return try await next(request, context)
    }
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
        let purpose: Gate.Purpose =
            switch context.descriptor.method {
            case "ServerLive", "ServerReady": .health
            case "RepositoryModelLoad", "RepositoryModelUnload": .control
            default: .inference
            }
        do throws(InferenceError) {
            try gate.check(request.metadata[stringValues: "authorization"].first { _ in true }, for: purpose)
        } catch {
            return StreamingServerResponse(error: RPCError(error))
        }
        return try await next(request, context)
    }
}
