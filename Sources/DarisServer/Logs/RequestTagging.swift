import DarisCore
import GRPCCore
import HTTPTypes
import Hummingbird
import Synchronization

/// Gives every HTTP request its tag, and has the journal know of those that came to no inference.
struct RequestTagging: RouterMiddleware {
    typealias Context = ServerContext

    static let requestID = HTTPField.Name("X-Request-Id")!
    static let traceParent = HTTPField.Name("traceparent")!

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
            // The parser knows methods of WebDAV and others.
            let isKnown = RouteGroup.standardMethods.contains(request.method)
            do { response = try await next(request, context) } catch let error as any HTTPResponseError {
                let status = isKnown ? error.status : .notImplemented
                let call = "\(request.method.rawValue) \(request.uri.path)"
                response = HTTPReply.error(
                    status == .notFound
                        ? "\(call) is nothing that is served here; served are \(OpenInferenceRoutes.served)"
                        : "\(call): \(status.reasonPhrase)",
                    status)
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
            id: header("x-request-id"), traceParent: header("traceparent"), client: client)
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

/// By what a request can be found again in the logs: here, at its client, and on the way between.
///
/// It goes with the Swift task that works on the request, so that nothing has to hand it on.
final class RequestTag: Sendable {
    @TaskLocal static var current: RequestTag?

    /// The client's own, or one made up here.
    let id: String
    /// Of the trace that the client is following.
    let trace: TraceContext?
    let client: Client
    private let noted = Atomic(false)

    /// - Parameters:
    ///   - id: as the client sent it. One that is too long, or not plain text, is replaced.
    ///   - traceParent: a header of the form that W3C Trace Context gives it; one that is not is left out.
    init(id: String?, traceParent: String?, client: Client = .unknown) {
        self.client = client
        self.id = id.flatMap { Self.isUsable($0) ? $0 : nil } ?? Self.made()
        trace = traceParent.flatMap { TraceContext(traceParent: $0) }
    }

    /// Whether the journal has a line of the request already.
    var isNoted: Bool { noted.load(ordering: .relaxed) }

    func note() { noted.store(true, ordering: .relaxed) }

    /// Letters, digits and the punctuation that ids have: nothing that could pretend to be another line or field.
    private static func isUsable(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_.:/=+@".utf8.contains(byte)
                }
            }
    }

    private static func made() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
