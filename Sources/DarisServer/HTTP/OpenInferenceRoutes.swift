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
            // Before a body is read for nothing.
            _ = try service.model(name, version: version)
            let decoded = try await read(request, model: name, version: version)
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

    /// Receives a request. One that is turned away as soon as its JSON is here is not waited for any further.
    private func read(
        _ request: Request, model: String, version: String?
    ) async throws(InferenceError) -> InferenceRequest {
        let tooLarge = InferenceError(.invalid, "the body is larger than \(bodyLimit) bytes, the limit here")
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > bodyLimit { throw tooLarge }
        let headerLength = try request.headers[Self.headerLength].map { text throws(InferenceError) in
            guard let length = Int(text) else {
                throw InferenceError(.invalid, "Inference-Header-Content-Length '\(text)' is no number")
            }
            return length
        }
        let encoding = request.headers[.contentEncoding]
        var body = ByteBuffer()
        var header: RequestDecoding.Header?
        do {
            for try await var part in request.body {
                guard body.readableBytes + part.readableBytes <= bodyLimit else { throw tooLarge }
                if body.capacity == 0 { body.reserveCapacity(min(announced ?? 0, Self.firstReserve)) }
                body.writeBuffer(&part)
                guard header == nil, encoding == nil, let headerLength, body.readableBytes >= headerLength else {
                    continue
                }
                let early = try Self.header(body, headerLength)
                try service.admit(model: model, version: version, priority: early.priority, timeout: early.timeout())
                header = early
            }
        } catch let error as InferenceError { throw error } catch {
            throw InferenceError(.cancelled, "the body ended early: \(error)")
        }
        body = try Compression.decoded(body, encoding: encoding, limit: bodyLimit)
        let known = if let header { header } else { try Self.header(body, headerLength) }
        return try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
            try RequestDecoding.request(known, bytes, model: model, version: version)
        }
    }

    /// The most bytes that room is made for before they have come.
    private static let firstReserve = 4 << 20

    private static func header(_ body: ByteBuffer, _ length: Int?) throws(InferenceError) -> RequestDecoding.Header {
        try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
            try RequestDecoding.header(bytes, length: length)
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
