import HTTPTypes
import Hummingbird

/// Answers browsers that ask beforehand whether a page of another origin may make a request. Which origins may is in the
/// answers' headers (`ExchangeHeaders`), and checked again when the request comes (`OriginRule`).
struct Preflight: RouterMiddleware {
    typealias Context = ServerContext

    let origins: Set<String>

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        guard request.method == .options, let origin = request.headers[.origin], origins.contains(origin.lowercased()),
            request.headers[Self.requestMethod] != nil
        else { return try await next(request, context) }
        return Response(status: .noContent, headers: Self.allowed)
    }

    private static let requestMethod = HTTPField.Name("Access-Control-Request-Method")!
    private static let allowed: HTTPFields = [
        .accessControlAllowMethods: "GET, HEAD, POST",
        .accessControlAllowHeaders: """
        Accept, Accept-Encoding, Authorization, Content-Encoding, Content-Type, Inference-Header-Content-Length, \
        traceparent, X-Request-Id
        """,
        HTTPField.Name("Access-Control-Max-Age")!: "600",
    ]
}
