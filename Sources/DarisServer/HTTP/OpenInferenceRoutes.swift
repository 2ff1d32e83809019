import DarisCore
import HTTPTypes
import Hummingbird
import NIOCore

/// The Open Inference Protocol, version 2, over HTTP.
struct OpenInferenceRoutes: Sendable {
    let service: InferenceService
    let version: String
    /// Bytes of a body.
    let bodyLimit: Int
    let connections: ConnectionTable

    func add(to router: Router<ServerContext>) {
        let v2 = router.group("v2")
        v2.get("health/live") { _, _ in HTTPReply.empty }
        v2.get("health/ready") { _, _ in
            service.isReady ? HTTPReply.empty : HTTPReply.error(service.notReady)
        }
        v2.get("") { _, _ in HTTPReply.json(ServerMetadata(version: version)) }
        v2.get("models/stats") { _, _ in
            HTTPReply.json(StatisticsReport(models: service.all.map(StatisticsReport.Model.init)))
        }
        for path in ["models/:model", "models/:model/versions/:version"] {
            let model = v2.group(RouterPath(path))
            model.get("") { _, context in try reply(context) { HTTPReply.json(ModelMetadata($0)) } }
            model.get("config") { _, context in try reply(context) { HTTPReply.json(ModelConfiguration($0)) } }
            model.get("stats") { _, context in
                try reply(context) { HTTPReply.json(StatisticsReport(models: [StatisticsReport.Model($0)])) }
            }
            model.get("ready") { _, context in
                try reply(context) { model in
                    model.isReady && service.isReady
                        ? HTTPReply.empty
                        : HTTPReply.error(InferenceError(.refused, "model '\(model.name)' takes no requests now"))
                }
            }
            model.post("infer") { request, context in await infer(request, context) }
        }
        v2.post("repository/index") { request, _ in
            let wanted = try? await request.body.collect(upTo: 1 << 16)
            let isReadyOnly = wanted.map { String(buffer: $0).contains("\"ready\":true") } ?? false
            return HTTPReply.json(service.all.filter { $0.isReady || !isReadyOnly }.map(RepositoryEntry.init))
        }
        for (action, isLoaded) in [("load", true), ("unload", false)] {
            v2.post("repository/models/:model/\(action)") { _, context in
                try reply(context) { model in
                    model.isReady = isLoaded
                    return HTTPReply.empty
                }
            }
        }
    }

    private func reply(_ context: ServerContext, _ body: (ServedModel) -> Response) throws -> Response {
        do throws(InferenceError) {
            return body(
                try service.model(context.parameters.get("model") ?? "", version: context.parameters.get("version")))
        } catch {
            return HTTPReply.error(error)
        }
    }

    private static let headerLength = HTTPField.Name("Inference-Header-Content-Length")!

    private func infer(_ request: Request, _ context: ServerContext) async -> Response {
        do throws(InferenceError) {
            let name = context.parameters.get("model") ?? ""
            let version = context.parameters.get("version")
            let decoded: InferenceRequest
            do throws(InferenceError) { decoded = try await read(request, model: name, version: version) } catch {
                service.unreadable(error, model: name, version: version)
                throw error
            }
            let inference = Task { try await service.infer(decoded) }
            let watched = connections.watch(context.channel) { inference.cancel() }
            if watched == nil { inference.cancel() }
            let result = await inference.result
            if let watched { connections.forget(watched, of: context.channel) }
            let answer: InferenceResponse
            do { answer = try result.get() } catch let error as InferenceError { throw error } catch {
                throw InferenceError(.failed, "\(error)")
            }
            return try Self.response(answer, accepting: request.headers[.acceptEncoding])
        } catch {
            return HTTPReply.error(error)
        }
    }

    /// Receives a request. What is wrong with it, or turns it away, is thrown as soon as that is known: before the body if
    /// the head tells, before the tensors if the JSON in front of them does.
    private func read(
        _ request: Request, model: String, version: String?
    ) async throws(InferenceError) -> InferenceRequest {
        var reception = Reception(routes: self, request: request, model: model, version: version)
        // A connection that ends with the answer ends before the client has sent the rest, and the client may not read what
        // it was answered: it is waited for.
        let isLast =
            request.headers[.connection]?.lowercased() == "close" || !service.isReady
        var problem: InferenceError?
        do throws(InferenceError) { try reception.begin() } catch {
            guard isLast else { throw error }
            problem = error
        }
        do {
            for try await part in request.body where problem == nil {
                do throws(InferenceError) { try reception.take(part) } catch {
                    guard isLast else { throw error }
                    problem = error
                }
            }
        } catch let error as InferenceError { throw error } catch {
            throw InferenceError(.cancelled, "the body ended early: \(error)")
        }
        if let problem { throw problem }
        return try reception.end()
    }

    /// A request on its way in.
    private struct Reception {
        let routes: OpenInferenceRoutes
        let request: Request
        let model: String
        let version: String?
        private var announced: Int?
        private var headerLength: Int?
        private var body = ByteBuffer()
        private var header: RequestDecoding.Header?

        init(routes: OpenInferenceRoutes, request: Request, model: String, version: String?) {
            self.routes = routes
            self.request = request
            self.model = model
            self.version = version
        }

        private var encoding: String? { request.headers[.contentEncoding] }

        private var tooLarge: InferenceError {
            InferenceError(.invalid, "the body is larger than \(routes.bodyLimit) bytes, the limit here")
        }

        mutating func begin() throws(InferenceError) {
            _ = try routes.service.model(model, version: version)
            announced = request.headers[.contentLength].flatMap { Int($0) }
            if let announced, announced > routes.bodyLimit { throw tooLarge }
            if let text = request.headers[OpenInferenceRoutes.headerLength] {
                guard let length = Int(text), length > 0 else {
                    throw InferenceError(
                        .invalid, "Inference-Header-Content-Length '\(text)' is no number from 1 up")
                }
                headerLength = length
            }
        }

        mutating func take(_ part: ByteBuffer) throws(InferenceError) {
            guard body.readableBytes + part.readableBytes <= routes.bodyLimit else { throw tooLarge }
            body.writeImmutableBuffer(part)
            guard header == nil, encoding == nil || encoding == "identity", let headerLength,
                body.readableBytes >= headerLength, announced.map({ body.readableBytes < $0 }) ?? true
            else { return }
            let early = try Self.header(body, headerLength)
            try routes.service.admit(
                model: model, version: version, priority: early.priority, timeout: early.timeout())
            header = early
            if let announced { body.reserveCapacity(announced) }
        }

        mutating func end() throws(InferenceError) -> InferenceRequest {
            body = try Compression.decoded(body, encoding: encoding, limit: routes.bodyLimit)
            let known = if let header { header } else { try Self.header(body, headerLength) }
            return try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
                try RequestDecoding.request(known, bytes, model: model, version: version)
            }
        }

        private static func header(_ body: ByteBuffer, _ length: Int?) throws(InferenceError) -> RequestDecoding.Header
        {
            try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
                try RequestDecoding.header(bytes, length: length)
            }
        }
    }

    private static func response(
        _ answer: InferenceResponse, accepting encodings: String?
    ) throws(InferenceError) -> Response {
        let body = try ResponseEncoding.body(answer)
        var response = Response(status: .ok)
        response.headers[.contentType] = body.headerLength == nil ? "application/json" : "application/octet-stream"
        if let length = body.headerLength { response.headers[headerLength] = "\(length)" }
        var bytes = ByteBuffer(bytes: body.bytes)
        if let (compressed, encoding) = Compression.encoded(bytes, accepting: encodings) {
            bytes = compressed
            response.headers[.contentEncoding] = encoding
        }
        response.body = .init(byteBuffer: bytes)
        return response
    }
}
