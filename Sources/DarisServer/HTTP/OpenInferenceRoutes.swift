import DarisConfiguration
import DarisCore
import HTTPTypes
import Hummingbird
import NIOCore

/// The Open Inference Protocol, version 2, over HTTP.
struct OpenInferenceRoutes: Sendable {
    let service: InferenceService
    let version: String
    let bounds: ServeSettings.Bounds
    let connections: ConnectionTable
    let budget: ByteBudget

    func add(to routes: RouteGroups) {
        let health = routes.health.group("v2/health")
        health.get("live") { _, _ in HTTPReply.empty }
        health.get("ready") { _, _ in
            service.obstacle.map { HTTPReply.error(InferenceService.notReady($0)) } ?? HTTPReply.empty
        }
        let v2 = routes.inference.group("v2")
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
                    guard let reason = service.unavailability(of: model) else { return HTTPReply.empty }
                    return HTTPReply.error(InferenceError(.modelNotReady(model: model.name, reason: reason)))
                }
            }
            model.post("infer") { request, context in await infer(request, context) }
        }
        v2.post("repository/index") { request, context in
            context.proceed()
            guard let body = try? await request.body.collect(upTo: 1 << 16) else {
                return HTTPReply.error(InferenceError(.invalid, "the request has more than 64 KiB"))
            }
            do throws(InferenceError) {
                return HTTPReply.json(
                    service.index(isReadyOnly: try RequestDecoding.isReadyOnly(Array(body.readableBytesView))))
            } catch {
                return HTTPReply.error(error)
            }
        }
        routes.control.post("v2/repository/models/:model/load") { request, context in
            await control(request, context) { name, parameters throws(InferenceError) in
                try await service.load(name, parameters)
            }
        }
        routes.control.post("v2/repository/models/:model/unload") { request, context in
            await control(request, context) { name, parameters throws(InferenceError) in
                try await service.unload(name, parameters)
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
        let share = budget.share { [channel = context.channel, refusal = budget.refusal] in
            channel.triggerUserOutboundEvent(ConnectionSignal.refuse(refusal), promise: nil)
        }
        do throws(InferenceError) {
            let name = context.parameters.get("model") ?? ""
            let version = context.parameters.get("version")
            let decoded: InferenceRequest
            do throws(InferenceError) {
                decoded = try await read(request, context, share, model: name, version: version)
            } catch {
                service.unread(error, model: name, version: version)
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
            return try response(answer, context, accepting: request.headers[.acceptEncoding], share)
        } catch {
            share.release()
            return HTTPReply.error(error)
        }
    }

    /// Receives a request. What is wrong with it, or why it is refused, is thrown as soon as that is known: before the body if
    /// the head tells, before the tensors if the JSON in front of them does.
    private func read(
        _ request: Request, _ context: ServerContext, _ share: ByteBudget.Share, model: String, version: String?
    ) async throws(InferenceError) -> InferenceRequest {
        var reception = Reception(routes: self, request: request, share: share, model: model, version: version)
        // A connection that ends with the answer ends before the client has sent the rest, and the client may not read what
        // it was answered: it is waited for.
        let isLast =
            request.headers[.connection]?.lowercased() == "close" || !service.isReady
        var problem: InferenceError?
        do throws(InferenceError) { try reception.begin() } catch {
            guard isLast else { throw error }
            problem = error
        }
        context.proceed()
        do {
            for try await part in request.body where problem == nil {
                do throws(InferenceError) { try reception.take(part) } catch {
                    guard isLast else { throw error }
                    problem = error
                }
            }
        } catch let error as InferenceError { throw error } catch {
            throw share.isHeld ? InferenceError(.cancelled, "the body ended early: \(error)") : budget.refusal
        }
        if let problem { throw problem }
        return try reception.end()
    }

    /// A request on its way in.
    private struct Reception {
        let routes: OpenInferenceRoutes
        let request: Request
        let share: ByteBudget.Share
        let model: String
        let version: String?
        private var announced: Int?
        private var headerLength: Int?
        private var body = ByteBuffer()
        private var header: RequestDecoding.Header?

        init(
            routes: OpenInferenceRoutes, request: Request, share: ByteBudget.Share, model: String, version: String?
        ) {
            self.routes = routes
            self.request = request
            self.share = share
            self.model = model
            self.version = version
        }

        private var encoding: String? { request.headers[.contentEncoding] }

        private var tooLarge: InferenceError {
            InferenceError(.invalid, "the body is larger than \(routes.bounds.body) bytes, the limit here")
        }

        mutating func begin() throws(InferenceError) {
            _ = try routes.service.model(model, version: version)
            announced = request.headers[.contentLength].flatMap { Int($0) }
            if let announced, announced > routes.bounds.body { throw tooLarge }
            if let text = request.headers[OpenInferenceRoutes.headerLength] {
                guard let length = Int(text), length > 0 else {
                    throw InferenceError(
                        .invalid, "Inference-Header-Content-Length '\(text)' is no number from 1 up")
                }
                headerLength = length
            }
        }

        mutating func take(_ part: ByteBuffer) throws(InferenceError) {
            guard body.readableBytes + part.readableBytes <= routes.bounds.body else { throw tooLarge }
            guard share.take(part.readableBytes) else { throw routes.budget.refusal }
            body.writeImmutableBuffer(part)
            guard header == nil, encoding == nil || encoding == "identity", let headerLength,
                body.readableBytes >= headerLength, announced.map({ body.readableBytes < $0 }) ?? true
            else { return }
            let early = try readHeader()
            try routes.service.admit(
                model: model, version: version, priority: early.priority, timeout: early.timeout())
            header = early
            if let announced { body.reserveCapacity(announced) }
        }

        mutating func end() throws(InferenceError) -> InferenceRequest {
            let budget = routes.budget
            share.seal()
            body = try Compression.decoded(body, encoding: encoding, limit: routes.bounds.body) {
                [share] bytes throws(InferenceError) in
                guard share.take(bytes) else { throw budget.refusal }
            }
            let known = if let header { header } else { try readHeader() }
            return try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
                try RequestDecoding.request(known, bytes, model: model, version: version)
            }
        }

        /// Reads the JSON, which takes much more memory than its bytes for a while.
        private func readHeader() throws(InferenceError) -> RequestDecoding.Header {
            let bytes = Self.jsonFactor * min(headerLength ?? body.readableBytes, body.readableBytes)
            guard bytes <= routes.budget.limit / 2 else {
                throw InferenceError(
                    .invalid,
                    "JSON of \(bytes / Self.jsonFactor) bytes takes more memory to read than there is for it; send tensors "
                        + "as bytes behind it ('binary_data_size')")
            }
            guard share.take(bytes) else { throw routes.budget.refusal }
            defer { share.give(back: bytes) }
            return try Self.header(body, headerLength)
        }

        private static let jsonFactor = 8

        private static func header(_ body: ByteBuffer, _ length: Int?) throws(InferenceError) -> RequestDecoding.Header
        {
            try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
                try RequestDecoding.header(bytes, length: length)
            }
        }
    }

    private func response(
        _ answer: InferenceResponse, _ context: ServerContext, accepting encodings: String?, _ share: ByteBudget.Share
    ) throws(InferenceError) -> Response {
        let body = try ResponseEncoding.body(answer, limit: bounds.answer)
        guard share.take(body.bytes.count) else { throw budget.refusal }
        var response = Response(status: .ok)
        response.headers[.contentType] = body.headerLength == nil ? "application/json" : "application/octet-stream"
        if let length = body.headerLength { response.headers[Self.headerLength] = "\(length)" }
        var bytes = ByteBuffer(bytes: body.bytes)
        if let (compressed, encoding) = Compression.encoded(bytes, accepting: encodings) {
            bytes = compressed
            response.headers[.contentEncoding] = encoding
        }
        context.channel.triggerUserOutboundEvent(ConnectionSignal.hold(share), promise: nil)
        response.body = .init(byteBuffer: bytes)
        return response
    }
}

extension ServerContext {
    /// Has a client that waits for leave send its body.
    func proceed() { channel.triggerUserOutboundEvent(ConnectionSignal.proceed, promise: nil) }
}
