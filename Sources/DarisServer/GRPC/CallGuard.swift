import DarisCore
import GRPCCore
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Watches one call below the library: refuses headers that it cannot bear, decompresses messages within their limit, has each
/// arrive and each answer be taken in time, and counts the bytes of both.
///
/// What arrives is read on whether the call's handler takes it or not, so that all of it is counted; only a stream with many
/// unanswered messages waits, and has its window counted instead.
final class CallGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// What a call may do.
    struct Limits: Sendable {
        let budget: ByteBudget
        /// Bytes of a message, decompressed too.
        let body: Int
        /// How long a message may take to arrive, and an answer to be taken.
        let receive: TimeAmount
        /// How long a stream may have no message.
        let idle: TimeAmount

        /// The same for calls that nothing waits for any more.
        var hurried: Limits {
            Limits(budget: budget, body: body, receive: min(receive, .seconds(1)), idle: min(idle, .seconds(1)))
        }
    }

    /// Bytes of a call that may be on their way.
    static let window = 1 << 20
    /// The most unanswered messages of a stream that are read before it waits.
    private static let messageLimit = 80

    private let limits: Limits
    /// Whether the call may ask for health alone.
    private let isHealthOnly: Bool
    let share: ByteBudget.Share
    /// Whether there may be more than one message.
    private var isStream = false
    /// The compression of messages that say that they are compressed.
    private var encoding: String?
    private var compressed = ByteBuffer()
    private var received = MessageFraming()
    private var sent = MessageFraming()
    /// The sizes of messages that are not answered.
    private var unanswered: [Int] = []
    private var isWaiting = false
    private var receiving: Scheduled<Void>?
    private var sending: Scheduled<Void>?
    /// Whether the client has sent all that it will.
    private var hasArrived = false
    private var isAnswering = false
    /// Whether the answer is whole, and what still comes of no interest.
    private var isAnswered = false

    init(_ limits: Limits, channel: any Channel, isHealthOnly: Bool) {
        self.limits = limits
        self.isHealthOnly = isHealthOnly
        let refusal = limits.budget.refusal
        share = limits.budget.share {
            channel.triggerUserOutboundEvent(ConnectionSignal.refuse(refusal), promise: nil)
        }
    }

    // MARK: - What arrives

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        switch unwrapInboundIn(data) {
        case .headers(var payload):
            do throws(InferenceError) {
                payload.headers = try headers(payload.headers)
            } catch {
                return refuse(error, context)
            }
            if payload.endStream { arrived() } else { expect(context, within: limits.receive) }
            context.fireChannelRead(wrapInboundOut(.headers(payload)))
        case .data(let payload):
            guard case .byteBuffer(let buffer) = payload.data else { return context.fireChannelRead(data) }
            do throws(InferenceError) {
                share.unseal()
                guard share.take(buffer.readableBytes) else { throw limits.budget.refusal }
                guard let plain = try decompressed(buffer) else {
                    if payload.endStream { context.fireChannelRead(Self.end) }
                    return follow(complete: [], isEnd: payload.endStream, context)
                }
                let complete = received.read(plain)
                unanswered += complete
                guard isStream || unanswered.count <= 1 else {
                    throw InferenceError(.invalid, "the call has one message, and more have come")
                }
                follow(complete: complete, isEnd: payload.endStream, context)
                context.fireChannelRead(
                    wrapInboundOut(.data(.init(data: .byteBuffer(plain), endStream: payload.endStream))))
            } catch {
                refuse(error, context)
            }
        default: context.fireChannelRead(data)
        }
    }

    private static var end: NIOAny {
        NIOAny(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
    }

    private func headers(_ headers: HPACKHeaders) throws(InferenceError) -> HPACKHeaders {
        var headers = try HeaderGuard.checked(headers)
        // Trailers have none.
        guard let path = headers.first(name: ":path") else { return headers }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let (service, method) = parts.count == 3 ? (parts[1], parts[2]) : ("", "")
        if isHealthOnly, Gate.Purpose(service: service, method: method) != .health {
            throw InferenceError(.healthOnly)
        }
        isStream = ["ModelStreamInfer", "ServerReflectionInfo"].contains(method)
        // The library's own decompression does not end for a message that is cut off, nor is what it makes counted.
        if let name = headers.first(name: "grpc-encoding"), name == "gzip" || name == "deflate" {
            encoding = name
            headers.remove(name: "grpc-encoding")
        }
        return headers
    }

    /// Data as it was before its messages were compressed; `nil` if none of them is complete.
    private func decompressed(_ buffer: ByteBuffer) throws(InferenceError) -> ByteBuffer? {
        guard let encoding else { return buffer }
        compressed.writeImmutableBuffer(buffer)
        var plain = ByteBuffer()
        while let flag = compressed.getInteger(at: compressed.readerIndex, as: UInt8.self),
            let length = compressed.getInteger(at: compressed.readerIndex + 1, as: UInt32.self).map({ Int($0) })
        {
            guard length <= limits.body else {
                throw InferenceError(.invalid, "the message is larger than \(limits.body) bytes, the limit here")
            }
            guard compressed.readableBytes >= 5 + length else { break }
            compressed.moveReaderIndex(forwardBy: 5)
            var message = compressed.readSlice(length: length) ?? ByteBuffer()
            if flag == 1 {
                message = try Compression.decoded(message, encoding: encoding, limit: limits.body) {
                    [share, limits] bytes throws(InferenceError) in
                    guard share.take(bytes) else { throw limits.budget.refusal }
                }
                share.give(back: length)
            }
            plain.writeInteger(flag == 1 ? 0 : flag)
            plain.writeInteger(UInt32(message.readableBytes))
            plain.writeImmutableBuffer(message)
        }
        compressed.discardReadBytes()
        return plain.readableBytes > 0 ? plain : nil
    }

    /// Keeps the time of what arrives.
    private func follow(complete: [Int], isEnd: Bool, _ context: ChannelHandlerContext) {
        if isEnd { return arrived() }
        let isInMessage = received.isInMessage || compressed.readableBytes > 0
        if !isInMessage { share.seal() }
        // A call of one message is over when its client says so.
        guard isStream else { return }
        if isInMessage {
            if !complete.isEmpty || receiving == nil { expect(context, within: limits.receive) }
        } else if unanswered.isEmpty {
            expect(context, within: limits.idle)
        } else {
            receiving?.cancel()
            receiving = nil
        }
    }

    private func arrived() {
        hasArrived = true
        share.seal()
        receiving?.cancel()
        receiving = nil
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if isStream, !isAnswered, !isWaiting, unanswered.count >= Self.messageLimit {
            guard share.take(Self.window) else { return refuse(limits.budget.refusal, context) }
            isWaiting = true
        }
        read(context: context)
    }

    func read(context: ChannelHandlerContext) {
        if !isWaiting { context.read() }
    }

    // MARK: - What is answered

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isAnswered else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        isAnswering = true
        switch unwrapOutboundIn(data) {
        case .data(let payload):
            guard case .byteBuffer(let buffer) = payload.data else { break }
            let count = buffer.readableBytes
            guard share.take(count) else {
                promise?.fail(ChannelError.ioOnClosedChannel)
                return refuse(limits.budget.refusal, context)
            }
            let isSent = promise ?? context.eventLoop.makePromise(of: Void.self)
            isSent.futureResult.whenComplete { [share] _ in share.give(back: count) }
            answered(sent.read(buffer).count, context)
            return context.write(data, promise: isSent)
        case .headers(let payload) where payload.endStream:
            isAnswered = true
            takenInTime(context, limits.receive)
        default: break
        }
        context.write(data, promise: promise)
    }

    /// Gives back the bytes of messages that are answered. Answers need not come in the order of requests; in the end the
    /// bytes are the same.
    private func answered(_ count: Int, _ context: ChannelHandlerContext) {
        for _ in 0..<min(count, unanswered.count) { share.give(back: unanswered.removeFirst()) }
        if isWaiting, unanswered.count < Self.messageLimit {
            isWaiting = false
            share.give(back: Self.window)
            context.read()
        }
        if isStream, !hasArrived, unanswered.isEmpty, !received.isInMessage { expect(context, within: limits.idle) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !context.channel.isWritable {
            takenInTime(context, limits.receive)
        } else if !isAnswered {
            sending?.cancel()
            sending = nil
        }
        context.fireChannelWritabilityChanged()
    }

    /// Ends the call if its client does not take in time what it is answered.
    private func takenInTime(_ context: ChannelHandlerContext, _ time: TimeAmount) {
        let channel = context.channel
        sending?.cancel()
        sending = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        guard isAnswered, !hasArrived else { return }
        // Nothing that the client still sends is of interest: the call ends when it has had time to take its answer.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    // MARK: - Its end

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event as? ConnectionSignal {
        case .finish(let error) where !hasArrived: refuse(error, context)
        case .refuse(let error): refuse(error, context)
        case .finish, .proceed: break
        case nil: context.triggerUserOutboundEvent(event, promise: promise)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    private func end() {
        receiving?.cancel()
        receiving = nil
        sending?.cancel()
        sending = nil
        share.release()
    }

    /// Refuses the call unless more has arrived in time.
    private func expect(_ context: ChannelHandlerContext, within time: TimeAmount) {
        receiving?.cancel()
        let late = InferenceError(.tooLate, "the request took too long to arrive")
        let channel = context.channel
        receiving = context.eventLoop.scheduleTask(in: time) {
            channel.triggerUserOutboundEvent(ConnectionSignal.refuse(late), promise: nil)
        }
    }

    /// Ends the call with an error's status.
    private func refuse(_ error: InferenceError, _ context: ChannelHandlerContext) {
        guard !isAnswered else { return }
        isAnswered = true
        end()
        let status = RPCError(error)
        var headers: HPACKHeaders = isAnswering ? [:] : [":status": "200", "content-type": "application/grpc"]
        headers.addStatus(status)
        let channel = context.channel
        let isSent = context.eventLoop.makePromise(of: Void.self)
        isSent.futureResult.whenComplete { _ in channel.close(promise: nil) }
        takenInTime(context, .seconds(1))
        // Those behind give up what they have of it.
        context.fireUserInboundEventTriggered(ConnectionSignal.refuse(error))
        // Not in the midst of a read, after which the library would still send the window of a stream that is closed.
        context.eventLoop.assumeIsolated().execute {
            context.writeAndFlush(
                self.wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: isSent)
        }
    }
}
