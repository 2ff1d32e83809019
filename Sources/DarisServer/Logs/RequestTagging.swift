import GRPCCore
import HTTPTypes
import Hummingbird

/// Gives every HTTP request its tag, and has the journal know of those that came to no inference.
struct RequestTagging: RouterMiddleware {
    typealias Context = ServerContext

    static let requestID = HTTPField.Name("X-Request-Id")!
    private static let traceParent = HTTPField.Name("traceparent")!

    let journal: RequestJournal
    /// Whether clients are known by their tokens.
    let usesTokens: Bool

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let client = Client(
            authorization: request.headers[.authorization], usesTokens: usesTokens,
            address: context.channel.remoteAddress?.ipAddress)
        let tag = RequestTag(
            id: request.headers[Self.requestID], traceParent: request.headers[Self.traceParent], client: client)
        return try await RequestTag.$current.withValue(tag) {
            var response: Response
            do { response = try await next(request, context) } catch let error as any HTTPResponseError {
                let call = "\(request.method.rawValue) \(request.uri.path)"
                response = HTTPReply.error(
                    error.status == .notFound
                        ? "\(call) is nothing that is served here" : "\(call): \(error.status.reasonPhrase)",
                    error.status)
            }
            response.headers[Self.requestID] = tag.id
            journal.call(
                request.method.rawValue, request.uri.path, "\(response.status.code)", after: start.duration(to: .now))
            return response
        }
    }
}

/// The same for gRPC, where the headers are metadata of the same names.
struct RequestTaggingInterceptor: ServerInterceptor {
    let journal: RequestJournal
    let usesTokens: Bool

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: GRPCCore.ServerContext,
        next:
            @Sendable (StreamingServerRequest<Input>, GRPCCore.ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let start = ContinuousClock.now
        func header(_ name: String) -> String? { request.metadata[stringValues: name].first { _ in true } }
        let client = Client(
            authorization: header("authorization"), usesTokens: usesTokens,
            address: Client.address(ofPeer: context.remotePeer))
        let tag = RequestTag(
            id: header("x-request-id"), traceParent: header("traceparent"), client: client,
            end: header("grpc-timeout").flatMap(HeaderGuard.timeout).map { start + $0 })
        return try await RequestTag.$current.withValue(tag) {
            var response = try await next(request, context)
            let status: String
            switch response.accepted {
            case .success(var contents):
                status = "OK"
                contents.metadata.replaceOrAddString(tag.id, forKey: "x-request-id")
                // A stream's requests are answered after this has returned.
                let producer = contents.producer
                contents.producer = { writer in
                    try await RequestTag.$current.withValue(tag) { try await producer(writer) }
                }
                response.accepted = .success(contents)
            case .failure(var error):
                status = "\(error.code)"
                error.metadata.replaceOrAddString(tag.id, forKey: "x-request-id")
                response.accepted = .failure(error)
            }
            journal.call("gRPC", context.descriptor.method, status, after: start.duration(to: .now))
            return response
        }
    }
}
