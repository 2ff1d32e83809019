import DarisConfiguration
import DarisCore
import DequeModule
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Answers the requests for inferences of one HTTP connection, below the framework that answers all others: from the socket
/// to the scheduler and back there is no other thread than the connection's, but where reading or writing takes long.
///
/// Requests of a connection are answered in their order, the framework's among them.
final class HTTPInference: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// What the handlers of all connections have in common.
    struct Place: Sendable {
        let service: InferenceService
        let gate: Gate
        let bounds: ServeSettings.Bounds
        let table: ConnectionTable
        let budget: ByteBudget
        let pool: CodingPool
    }

    /// Parts of later requests that are kept while one is unanswered; then the connection is not read.
    private static let heldLimit = 16

    private let place: Place
    private let firstByte = FirstByte()
    /// The unanswered request, from its head to its answer.
    private var reception: HTTPReception?
    private var exchange: InferenceExchange<HTTPReception.Answer>?
    /// Whether the parts that arrive belong to a request for the framework.
    private var isPassing = false
    /// Requests that the framework has not answered in full.
    private var passed = 0
    /// What waits for earlier requests to be answered.
    private var held: Deque<HTTPRequestPart> = []
    private var isReadWanted = false
    /// The client's address, worked out once.
    private var address: String??

    init(_ place: Place) { self.place = place }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if let decoder = try? pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self) {
            try? pipeline.addHandler(firstByte, position: .before(decoder))
        }
    }

    // MARK: - What arrives

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard held.isEmpty, !mustWait(part) else { return held.append(part) }
        take(part, context)
    }

    /// Whether a request must wait for earlier ones to be answered. The framework keeps its own in order.
    private func mustWait(_ part: HTTPRequestPart) -> Bool {
        guard case .head(let head) = part else { return false }
        return exchange != nil || reception != nil || passed > 0 && InferenceRoute(head) != nil
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            let arrival = firstByte.take()
            if let route = InferenceRoute(head) { return begin(head, route, arrival, context) }
            isPassing = true
            passed += 1
            context.fireChannelRead(wrapInboundOut(part))
        case .body(let bytes):
            guard !isPassing else { return context.fireChannelRead(wrapInboundOut(part)) }
            receive(context) { reception throws(InferenceError) in try reception.take(bytes) }
        case .end:
            firstByte.end()
            guard !isPassing else {
                isPassing = false
                return context.fireChannelRead(wrapInboundOut(part))
            }
            arrived(context)
        }
    }

    private func begin(
        _ head: HTTPRequest, _ route: InferenceRoute, _ arrival: NIODeadline, _ context: ChannelHandlerContext
    ) {
        let client = Client(
            authorization: head.headerFields[.authorization], usesTokens: place.gate.inference != nil,
            address: address(context))
        let tag = RequestTag(
            id: head.headerFields[RequestTagging.requestID], traceParent: head.headerFields[RequestTagging.traceParent],
            client: client)
        let channel = context.channel
        let share = place.budget.share { [refusal = place.budget.refusal] in
            channel.triggerUserOutboundEvent(ConnectionSignal.refuse(refusal), promise: nil)
        }
        let reception = HTTPReception(place, head, share, tag)
        self.reception = reception
        receive(context) { reception throws(InferenceError) in
            try place.gate.check(head, for: .inference, standing: place.table.standing(channel))
            try reception.begin(route, arrival)
        }
        // Has a client that waits for leave send its body.
        if self.reception?.problem == nil {
            context.triggerUserOutboundEvent(ConnectionSignal.proceed, promise: nil)
        }
    }

    private func address(_ context: ChannelHandlerContext) -> String? {
        if let address { return address }
        let found = context.channel.remoteAddress?.ipAddress
        address = .some(found)
        return found
    }

    /// Takes in a part of the request that arrives. What is wrong with it, or why it is refused, is answered at once; where the
    /// connection ends with the answer, when the request has arrived, since the client might not read the answer before.
    private func receive(
        _ context: ChannelHandlerContext, _ body: (HTTPReception) throws(InferenceError) -> Void
    ) {
        guard let reception, reception.problem == nil else { return }
        do throws(InferenceError) { try body(reception) } catch {
            reception.problem = error
            if !reception.isLast(takesRequests: place.service.obstacle == nil) { refuse(error, context) }
        }
    }

    private func arrived(_ context: ChannelHandlerContext) {
        guard let reception, exchange == nil else { return }
        if let problem = reception.problem { return refuse(problem, context) }
        reception.share.seal()
        do throws(InferenceError) { try reception.admit() } catch { return refuse(error, context) }
        guard let call = reception.call else { preconditionFailure("a request without a call has a problem") }
        let exchange = InferenceExchange<HTTPReception.Answer>(
            call, pool: place.pool, eventLoop: context.eventLoop
        ) { [self] result in
            give(result, context)
        }
        self.exchange = exchange
        exchange.start(isLong: reception.isLong, writing: reception.writing, read: reception.reading.read)
    }

    // MARK: - What is answered

    /// Answers a request that was not run.
    private func refuse(_ error: InferenceError, _ context: ChannelHandlerContext) {
        give(.failure(error), context)
    }

    private func give(_ result: Result<HTTPReception.Answer, InferenceError>, _ context: ChannelHandlerContext) {
        guard let reception else { return }
        let answer: HTTPReception.Answer
        switch result {
        case .success(let written): answer = written
        case .failure(let error):
            let (head, body) = HTTPReply.parts(error.forClient(requestID: reception.tag.id))
            answer = .init(head: head, body: body)
        }
        var head = answer.head
        head.headerFields[RequestTagging.requestID] = reception.tag.id
        head.headerFields[.date] = HTTPDate.now()
        if reception.endsConnection || result.failure?.kind == .refused(.connectionsFull) {
            head.headerFields[.connection] = "close"
        }
        let share = reception.share
        let isTaken = context.eventLoop.makePromise(of: Void.self)
        isTaken.futureResult.whenComplete { _ in share.release() }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if answer.body.readableBytes > 0 { context.write(wrapOutboundOut(.body(answer.body)), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: isTaken)
        RequestTag.$current.withValue(reception.tag) {
            place.service.journal.call(
                reception.head.method.rawValue, reception.head.path ?? "", "\(head.status.code)",
                after: .nanoseconds((NIODeadline.now() - reception.begun).nanoseconds))
        }
        self.reception = nil
        exchange = nil
        reception.call?.answered(result.failure)
        proceed(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let isEnd = if case .end = unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        guard isEnd else { return }
        passed -= 1
        if passed == 0, !held.isEmpty {
            // Not before the framework has flushed.
            context.eventLoop.assumeIsolated().execute { [self] in proceed(context) }
        }
    }

    /// Takes in what waited, as far as it may.
    private func proceed(_ context: ChannelHandlerContext) {
        while let part = held.first, !mustWait(part) {
            held.removeFirst()
            take(part, context)
        }
        if isReadWanted, held.count < Self.heldLimit {
            isReadWanted = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if held.count < Self.heldLimit { context.read() } else { isReadWanted = true }
    }

    // MARK: - Its end

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        // The connection's watch answers with the error, and closes.
        switch event as? ConnectionSignal {
        case .refuse(let error): abandon(error)
        case .finish(let error) where exchange == nil: abandon(error)
        default: break
        }
        context.triggerUserOutboundEvent(event, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { abandon(RequestQueue.cancelled) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        abandon(RequestQueue.cancelled)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { abandon(RequestQueue.cancelled) }

    /// Gives the unanswered request up: it is not answered here.
    private func abandon(_ error: InferenceError) {
        let (left, running) = (reception, exchange)
        (reception, exchange) = (nil, nil)
        held = []
        running?.abandon()
        left?.call?.answered(error)
        left?.share.release()
    }
}

/// When the first byte of the request that arrives came; before the decoder of a connection.
private final class FirstByte: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var first: NIODeadline?
    private var last = NIODeadline.now()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        last = .now()
        if first == nil { first = last }
        context.fireChannelRead(data)
    }

    /// The time, when a head has come.
    func take() -> NIODeadline { first ?? last }

    /// The request has arrived: the next byte is the first of another one. If it has come with the last of this one, its time
    /// is known by that.
    func end() { first = nil }
}
