import DarisCore
import GRPCCore
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Watches one call below the library: refuses headers that it cannot bear, has each message arrive and each answer be taken
/// in time, and counts the bytes of messages that are not answered.
final class CallGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let budget: ByteBudget
    private let limit: TimeAmount
    /// Whether the call may ask for health alone.
    private let isHealthOnly: Bool
    private var share: ByteBudget.Share?
    private var received = MessageFraming()
    private var sent = MessageFraming()
    /// The sizes of messages that are not answered.
    private var unanswered: [Int] = []
    private var receiving: Scheduled<Void>?
    private var sending: Scheduled<Void>?
    /// Whether the client has sent all that it will.
    private var hasArrived = false
    private var isAnswering = false
    private var isRefused = false

    /// - Parameter receive: how long a message may take from its first byte to its last, the first one from the headers, and an
    ///   answer to be taken.
    init(budget: ByteBudget, receive: Nanoseconds, isHealthOnly: Bool) {
        self.budget = budget
        limit = .nanoseconds(receive.rawValue)
        self.isHealthOnly = isHealthOnly
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        switch unwrapInboundIn(data) {
        case .headers(var payload):
            do throws(InferenceError) {
                payload.headers = try HeaderGuard.checked(payload.headers)
                let method = payload.headers.first(name: ":path")?.split(separator: "/").last ?? ""
                if isHealthOnly, Gate.Purpose(method: String(method)) != .health {
                    throw InferenceError(
                        .refused, "the server is ending, or has as many connections as it may, all busy")
                }
            } catch {
                return refuse(error, context)
            }
            if payload.endStream { hasArrived = true } else { expect(context) }
            context.fireChannelRead(wrapInboundOut(.headers(payload)))
        case .data(let payload):
            guard take(payload, context) else { return refuse(budget.refusal, context) }
            context.fireChannelRead(data)
        default: context.fireChannelRead(data)
        }
    }

    private func take(_ payload: HTTP2Frame.FramePayload.Data, _ context: ChannelHandlerContext) -> Bool {
        guard case .byteBuffer(let buffer) = payload.data else { return true }
        let share = share ?? makeShare(context)
        let complete = received.read(buffer)
        unanswered += complete
        if payload.endStream {
            hasArrived = true
            share.seal()
        }
        if payload.endStream || !received.isInMessage {
            receiving?.cancel()
            receiving = nil
        } else if !complete.isEmpty || receiving == nil {
            expect(context)
        }
        return share.take(buffer.readableBytes)
    }

    private func makeShare(_ context: ChannelHandlerContext) -> ByteBudget.Share {
        let (channel, refusal) = (context.channel, budget.refusal)
        let made = budget.share { channel.triggerUserOutboundEvent(ConnectionSignal.refuse(refusal), promise: nil) }
        share = made
        return made
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isRefused else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        isAnswering = true
        if case .data(let payload) = unwrapOutboundIn(data), case .byteBuffer(let buffer) = payload.data {
            // Answers need not come in the order of requests; in the end the bytes are the same.
            for _ in sent.read(buffer) where !unanswered.isEmpty { share?.give(back: unanswered.removeFirst()) }
        }
        if case .headers(let payload) = unwrapOutboundIn(data), payload.endStream { takenInTime(context) }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            sending?.cancel()
            sending = nil
        } else {
            takenInTime(context)
        }
        context.fireChannelWritabilityChanged()
    }

    /// Ends the call if its client does not take in time what it is answered.
    private func takenInTime(_ context: ChannelHandlerContext) {
        let channel = context.channel
        sending?.cancel()
        sending = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

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
        share?.release()
        share = nil
    }

    /// Refuses the call unless a message has arrived in time.
    private func expect(_ context: ChannelHandlerContext) {
        receiving?.cancel()
        let late = InferenceError(.tooLate, "the request took too long to arrive")
        let channel = context.channel
        receiving = context.eventLoop.scheduleTask(in: limit) {
            channel.triggerUserOutboundEvent(ConnectionSignal.refuse(late), promise: nil)
        }
    }

    /// Ends the call with an error's status.
    private func refuse(_ error: InferenceError, _ context: ChannelHandlerContext) {
        guard !isRefused else { return }
        isRefused = true
        end()
        let status = RPCError(error)
        var headers: HPACKHeaders = isAnswering ? [:] : [":status": "200", "content-type": "application/grpc"]
        headers.add(name: "grpc-status", value: "\(status.code.rawValue)")
        headers.add(name: "grpc-message", value: Self.encoded(status.message))
        let channel = context.channel
        let isSent = context.eventLoop.makePromise(of: Void.self)
        isSent.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: isSent)
    }

    /// A message as a header has it: printable ASCII, everything else and '%' as '%XX'.
    private static func encoded(_ message: String) -> String {
        message.utf8.map { byte in
            (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "%")
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
