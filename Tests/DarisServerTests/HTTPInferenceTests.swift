import DarisConfiguration
import DarisCore
import DarisRuntime
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import DarisServer

@Suite("Inferences over one HTTP connection")
struct HTTPInferenceTests {
    private let sink = ManualSink()
    private let service = InferenceService(limit: 100)
    private let budget = ByteBudget(limit: 10_000)

    init() {
        service.serve(
            [
                ServedModel(
                    name: "a net", signature: ModelSignature(inputs: [], outputs: []),
                    own: RequestQueue(
                        name: "a net", task: 0, instances: 4, priority: .high, deadline: .seconds(Int64(100)),
                        limit: 10,
                        sink: sink), other: nil)
            ], on: sink)
    }

    private func connection(gate: Gate = Gate()) throws -> EmbeddedChannel {
        let table = ConnectionTable(limit: 10)
        let channel = EmbeddedChannel(handlers: [
            ConnectionWatch(table: table, receive: .seconds(Int64(30))),
            HTTPInference(
                .init(
                    service: service, gate: gate, bounds: ServeSettings.Bounds(), table: table, budget: budget,
                    pool: CodingPool(threads: 1))),
        ])
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return channel
    }

    private static let body = #"{"inputs":[]}"#

    private func head(
        _ path: String, _ method: HTTPRequest.Method = .post, _ fields: HTTPFields = [:]
    ) -> HTTPRequestPart {
        .head(HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path, headerFields: fields))
    }

    private func ask(
        _ channel: EmbeddedChannel, _ path: String = "/v2/models/a%20net/infer", _ body: String = body,
        _ fields: HTTPFields = [:]
    ) throws {
        try channel.writeInbound(head(path, .post, fields))
        if !body.isEmpty { try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: body))) }
        try channel.writeInbound(HTTPRequestPart.end(nil))
    }

    /// The status and the body of the next whole answer.
    private func answer(_ channel: EmbeddedChannel) throws -> (status: Int, body: String, head: HTTPResponse)? {
        channel.embeddedEventLoop.run()
        guard case .head(let head)? = try channel.readOutbound(as: HTTPResponsePart.self) else { return nil }
        var text = ""
        while let part = try channel.readOutbound(as: HTTPResponsePart.self) {
            switch part {
            case .body(let bytes): text += String(buffer: bytes)
            case .end: return (head.status.code, text, head)
            case .head: Issue.record("an answer within an answer")
            }
        }
        Issue.record("an answer that does not end")
        return nil
    }

    @Test("a request is answered when its job ends, with the head that goes with it; then nothing is held")
    func one() throws {
        let channel = try connection()
        try ask(channel, "/v2/models/a%20net/versions/1/infer?x=1", Self.body, [.init("X-Request-Id")!: "abc"])
        #expect(try answer(channel) == nil && sink.running == 1 && budget.held == Self.body.utf8.count)
        sink.finishFirst(.success([]))
        let given = try #require(try answer(channel))
        #expect(given.status == 200 && given.body.contains(#""model_name":"a net""#))
        #expect(given.head.headerFields[.contentLength] == "\(given.body.utf8.count)")
        #expect(given.head.headerFields[.init("X-Request-Id")!] == "abc" && given.head.headerFields[.date] != nil)
        #expect(budget.held == 0 && service.requestsInFlight == 0)
    }

    @Test("requests of one connection are answered in their order, the framework's among them")
    func order() throws {
        let channel = try connection()
        try ask(channel)
        try ask(channel)
        try channel.writeInbound(head("/v2/health/live", .get))
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try ask(channel)
        #expect(sink.running == 1, "the second waits")
        #expect(try channel.readInbound(as: HTTPRequestPart.self) == nil, "so does the framework's")
        sink.finishFirst(.success([]))
        #expect(try answer(channel)?.status == 200 && sink.running == 1)
        sink.finishFirst(.success([]))
        #expect(try answer(channel)?.status == 200 && sink.running == 0)
        guard case .head? = try channel.readInbound(as: HTTPRequestPart.self),
            case .end? = try channel.readInbound(as: HTTPRequestPart.self)
        else {
            Issue.record("the framework's request has not come")
            return
        }
        try channel.writeOutbound(HTTPResponsePart.head(.init(status: .noContent)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
        #expect(try answer(channel)?.status == 204 && sink.running == 1)
        sink.finishFirst(.success([]))
        #expect(try answer(channel)?.status == 200)
    }

    @Test("what is wrong is answered as soon as it is known, and the rest of the request is passed over")
    func wrong() throws {
        let channel = try connection()
        try channel.writeInbound(head("/v2/models/none/infer"))
        #expect(try answer(channel)?.status == 404)
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "whatever")))
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try ask(channel, "/v2/models/a%20net/infer", "{")
        #expect(try answer(channel)?.status == 400)
        try ask(channel, "/v2/models/a%20net/infer", "")
        #expect(try answer(channel)?.status == 400)
        #expect(budget.held == 0 && service.requestsInFlight == 0)
        // A connection that ends with its answer has the whole request first.
        try channel.writeInbound(head("/v2/models/none/infer", .post, [.connection: "close"]))
        #expect(try answer(channel) == nil)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        let last = try #require(try answer(channel))
        #expect(last.status == 404 && last.head.headerFields[.connection] == "close")
    }

    @Test("a client that goes away gives its request up, and all that it holds")
    func gone() throws {
        let channel = try connection()
        try ask(channel)
        try ask(channel)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(sink.state.withLock { $0.cancelled.count } == 1)
        sink.finishFirst(.failure(.notCompleted(.dropped, .cancelled, message: nil)))
        #expect(try answer(channel) == nil && service.requestsInFlight == 0 && budget.held == 0)
    }

    @Test("a request's own deadline is kept while its job runs")
    func deadline() throws {
        let channel = try connection()
        try ask(channel, "/v2/models/a%20net/infer", #"{"parameters":{"timeout":900000},"inputs":[]}"#)
        channel.embeddedEventLoop.run()
        channel.embeddedEventLoop.advanceTime(to: .now() + .seconds(2))
        #expect(try answer(channel)?.status == 504)
        #expect(sink.state.withLock { $0.cancelled.count } == 1)
        sink.finishFirst(.success([]))
        #expect(try answer(channel) == nil)
    }

    @Test(
        "every spelling of an inference's path is one, and has the same gate",
        arguments: [
            "/v2/models/net/infer", "//v2/models//net/infer/", "/v2/models/net/infer?a=/b", "/v2/models/n%65t/infer",
            "/v2/models/net/versions/1/infer",
        ])
    func spellings(path: String) throws {
        let route = try #require(InferenceRoute(path: path))
        #expect(route.model == "net" && route.version == (path.contains("versions") ? "1" : nil))
        let host = Gate(inference: nil, control: nil, origins: OriginRule(isLoopback: false, hosts: ["elsewhere"]))
        let channel = try connection(gate: host)
        try ask(channel, path)
        #expect(try answer(channel)?.status == 403)
    }

    @Test(
        "other paths are not",
        arguments: [
            "/v2/models/net/infers", "/v2/models/infer", "/v2/models/net/ready", "/v2/Models/net/infer",
            "/v3/models/net/infer",
            "/v2/models/net/versions/infer", "/v2/models/net/version/1/infer", "/v2/models/%zz/infer", "/infer",
            "infer", "",
        ])
    func others(path: String) { #expect(InferenceRoute(path: path) == nil) }

    @Test("the date is as HTTP has it")
    func date() {
        #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
    }
}
