import DarisCore
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Watches one HTTP connection: keeps the table up to date, ends it if a request takes too long to arrive or an answer too
/// long to be taken, and has a client that waits for it send its body (`Expect: 100-continue`).
final class ConnectionWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let table: ConnectionTable
    private let limit: TimeAmount
    private let idle: TimeAmount
    private let headers: ExchangeHeaders
    private var receiving: Scheduled<Void>?
    private var sending: Scheduled<Void>?
    /// The limits of answers that are whole, but have not been taken.
    private var unsent: [Scheduled<Void>?] = []
    /// Requests that have begun to arrive and are not answered in full.
    private var requests = 0
    /// Whether the client waits for leave to send the body of the last request.
    private var isWaitedFor = false
    /// Whether the first unanswered request has a part of its answer.
    private var isAnswering = false
    private var closesAfterAnswer = false
    /// Whether the last answer has been written, and the connection lives on only for the client to read it.
    private var isRefused = false

    /// - Parameters:
    ///   - receive: how long a request may take from its first byte known to its last, and an answer likewise.
    ///   - idle: how long a connection may have no request. The framework above does not see those for inferences.
    ///   - origins: whose pages may read answers.
    init(
        table: ConnectionTable, receive: Nanoseconds, idle: Nanoseconds = .seconds(Int64(60)), origins: Set<String> = []
    ) {
        self.table = table
        headers = ExchangeHeaders(origins: origins)
        limit = .nanoseconds(receive.rawValue)
        self.idle = .nanoseconds(idle.rawValue)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if let decoder = try? pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self) {
            try? pipeline.addHandler(headers, position: .after(decoder))
        }
        guard table.opened(context.channel) else { return context.channel.close(promise: nil) }
        // From the start of the connection for the first request.
        receiving = close(context, in: limit)
        context.eventLoop.scheduleTask(in: idle) { [channel = context.channel, table, idle] in
            Self.closeIfIdle(channel, table, idle)
        }
    }

    /// Closes a connection that has been idle for so long; else looks again when it may have been.
    private static func closeIfIdle(_ channel: any Channel, _ table: ConnectionTable, _ limit: TimeAmount) {
        guard let time = table.idleTime(channel) else { return }
        if time >= limit { return channel.close(promise: nil) }
        channel.eventLoop.scheduleTask(in: limit - time) { closeIfIdle(channel, table, limit) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            receiving?.cancel()
            receiving = close(context, in: limit)
            isWaitedFor = head.headerFields[.expect]?.lowercased() == "100-continue"
            requests += 1
            table.begin(context.channel)
        case .body: isWaitedFor = false
        case .end:
            isWaitedFor = false
            receiving?.cancel()
            receiving = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // What a refused client still sends is taken and let go, or it would not read why.
        if isRefused { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isRefused else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            isAnswering = true
            // A body that was not asked for may come or not: the next request could not be told from it.
            if isWaitedFor || closesAfterAnswer { head.headerFields[.connection] = "close" }
            if head.headerFields[.connection] == "close" { closesAfterAnswer = true }
            // An endless answer has a limit of its own.
            if head.headerFields[.contentType] != LiveEvents.contentType { sending = close(context, in: limit) }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            isAnswering = false
            requests -= 1
            let isSent = promise ?? context.eventLoop.makePromise(of: Void.self)
            unsent.append(sending)
            sending = nil
            isSent.futureResult.assumeIsolated().whenComplete { [self, closesAfterAnswer] _ in
                unsent.removeFirst()?.cancel()
                table.finish(context.channel)
                // It may have been told to close since.
                if closesAfterAnswer || isDone, context.channel.isActive { linger(context) }
            }
            context.write(data, promise: isSent)
        }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event as? ConnectionSignal {
        case .proceed where isWaitedFor:
            isWaitedFor = false
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        case .proceed: break
        case .finish(let error) where receiving != nil: refuse(error, context)
        case .finish:
            closesAfterAnswer = true
            if isDone, unsent.isEmpty { linger(context) }
        case .refuse(let error): refuse(error, context)
        case nil: context.triggerUserOutboundEvent(event, promise: promise)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            // A client that closes its side has gone: none that waits for an answer does so.
            table.left(context.channel)
            receiving?.cancel()
            receiving = close(context, in: isRefused ? .zero : limit)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    /// Whether the connection is to close, and every request is answered.
    private var isDone: Bool { closesAfterAnswer && requests == 0 }

    /// Answers the request that is unanswered, unless its answer has begun, and closes the connection.
    private func refuse(_ error: InferenceError, _ context: ChannelHandlerContext) {
        guard !isRefused else { return }
        guard requests > 0, !isAnswering else {
            closesAfterAnswer = true
            return
        }
        var (head, body) = HTTPReply.parts(error)
        head.headerFields[.connection] = "close"
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger(context)
    }

    /// Closes this side, and the connection when the client has closed its own or a second has passed.
    private func linger(_ context: ChannelHandlerContext) {
        isRefused = true
        receiving?.cancel()
        receiving = close(context, in: .seconds(1))
        context.close(mode: .output, promise: nil)
        context.read()
    }

    /// Closes the connection when a time has passed.
    private func close(_ context: ChannelHandlerContext, in time: TimeAmount) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    private func end(_ context: ChannelHandlerContext) {
        receiving?.cancel()
        receiving = nil
        sending?.cancel()
        sending = nil
        for timer in unsent { timer?.cancel() }
        table.closed(context.channel)
    }
}
