import DarisConfiguration
import DarisCore
import DequeModule
import GRPCCore
import NIOCore
import NIOHPACK
import NIOHTTP2
internal import SwiftProtobuf

/// Answers the calls for inferences of gRPC, below the framework that answers all others: `ModelInfer`, of one message, and
/// `ModelStreamInfer`, whose messages are answered in their order, each with an error of its own if it has one.
///
/// It stands behind the call's `CallGuard`, which has decompressed and counted what arrives.
final class GRPCInference: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// What the handlers of all calls have in common.
    struct Place: Sendable {
        let service: InferenceService
        let gate: Gate
        let bounds: ServeSettings.Bounds
        let pool: CodingPool
    }

    /// The most messages of a stream that are run at a time.
    private static let streamLimit = 64
    private static let service = "/inference.GRPCInferenceService/"

    /// A message, from its arrival to its answer.
    private final class Slot {
        /// Holds the slot, until it has given its answer.
        var exchange: InferenceExchange<ByteBuffer>?
        var call: InferenceCall?
        /// What to answer, once it is known.
        var result: Result<ByteBuffer, InferenceError>?
        /// What an error in a stream is told with.
        var (id, model) = ("", "")
    }

    private let place: Place
    private let share: ByteBudget.Share
    /// Whether the call is one for the framework; `nil` until its headers have come.
    private var isPassing: Bool?
    private var method = ""
    private var isStream = false
    private var tag: RequestTag?
    private var begun = NIODeadline.now()
    /// The call's own deadline, from its first byte on.
    private var timeout: Nanoseconds?
    private var received = ByteBuffer()
    /// When the first byte of the message that arrives came.
    private var arrival: NIODeadline?
    /// The messages that are not answered, in their order.
    private var slots: Deque<Slot> = []
    /// The call of one message, once its beginning has told which model it is for.
    private var early: InferenceCall?
    private var isHeadRead = false
    private var isProceeding = false
    /// Why the call is refused.
    private var problem: InferenceError?
    private var hasArrived = false
    private var hasAnswered = false
    private var hasEnded = false

    init(_ place: Place, share: ByteBudget.Share) {
        self.place = place
        self.share = share
    }

    // MARK: - What arrives

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isPassing != true else { return context.fireChannelRead(data) }
        switch unwrapInboundIn(data) {
        case .headers(let payload): headers(payload, data, context)
        case .data(let payload):
            guard !hasEnded, case .byteBuffer(let bytes) = payload.data else { return }
            if bytes.readableBytes > 0 {
                if received.readableBytes == 0 {
                    (received, arrival) = (bytes, .now())
                } else {
                    received.writeImmutableBuffer(bytes)
                }
            }
            if payload.endStream { hasArrived = true }
            readHead()
            if hasArrived || isStream || problem != nil { proceed(context) }
        default: context.fireChannelRead(data)
        }
    }

    private func headers(
        _ payload: HTTP2Frame.FramePayload.Headers, _ data: NIOAny, _ context: ChannelHandlerContext
    ) {
        // Trailers say no more than that the call has arrived.
        if isPassing == false {
            hasArrived = true
            return proceed(context)
        }
        let headers = payload.headers
        let path = headers.first(name: ":path") ?? ""
        let method = path.hasPrefix(Self.service) ? path.dropFirst(Self.service.count) : ""
        let isCall =
            headers.first(name: ":method") == "POST"
            && headers.first(name: "content-type")?.hasPrefix("application/grpc") == true
        let isUnknown = !method.isEmpty && !GRPCService.methods.contains(String(method))
        guard isCall, method == "ModelInfer" || method == "ModelStreamInfer" || isUnknown else {
            isPassing = true
            return context.fireChannelRead(data)
        }
        isPassing = false
        isStream = method == "ModelStreamInfer"
        self.method = String(method.prefix(100))
        begun = .now()
        timeout = headers.first(name: "grpc-timeout").flatMap(HeaderGuard.timeout).map { Nanoseconds($0) }
        let authorization = headers.first(name: "authorization")
        let client = Client(
            authorization: authorization, usesTokens: place.gate.inference != nil,
            address: (context.channel.parent ?? context.channel).remoteAddress?.ipAddress)
        tag = RequestTag(
            id: headers.first(name: "x-request-id"), traceParent: headers.first(name: "traceparent"), client: client)
        if payload.endStream { hasArrived = true }
        do throws(InferenceError) {
            try place.gate.check(authorization, for: .inference)
            if isUnknown {
                throw InferenceError(
                    .unsupported,
                    "\(method.prefix(100)) is nothing that is served here; served are \(GRPCService.methods.joined(separator: ", "))"
                )
            }
            if let encoding = headers.first(name: "grpc-encoding"), encoding != "identity" {
                throw InferenceError(.unsupported, "grpc-encoding '\(encoding)' is not known; use gzip or deflate")
            }
        } catch {
            problem = error
        }
        if hasArrived || problem != nil { proceed(context) }
    }

    /// Goes on when what arrives now has been read: a stream that is closed in the midst of a read takes its connection with
    /// it, since the library would still send its window.
    private func proceed(_ context: ChannelHandlerContext) {
        guard !isProceeding else { return }
        isProceeding = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isProceeding = false
            if let problem { end(problem, context) } else { takeMessages(context) }
        }
    }

    /// Reads the beginning of a call's one message, before its tensors have come: refuses it if it would be refused, and has a
    /// request of high priority hold its bytes as one.
    private func readHead() {
        guard !isStream, !isHeadRead, problem == nil, let tag, received.readableBytes > 5 else { return }
        do throws(InferenceError) {
            let head = received.withUnsafeReadableBytes { bytes in
                RawContents.head(before: 5, in: .init(rebasing: bytes.dropFirst(5))).map { [UInt8]($0) }
            }
            guard let head else { return }
            isHeadRead = true
            // What is wrong with it is said when all of it has come.
            guard let message = try? Inference_ModelInferRequest(serializedBytes: head),
                let request = try? InferenceRequest(InferCall(message: message))
            else { return }
            let call = try InferenceCall(
                place.service, model: request.model, version: request.version, arrival: begun, tag: tag,
                sharedMemoryRefusal: place.gate.sharedMemoryRefusal)
            early = call
            try call.admit(priority: request.priority, timeout: request.timeout ?? timeout)
            share.isLowPriority = call.priority == .low
        } catch {
            problem = error
        }
    }

    /// Takes the messages that are complete.
    private func takeMessages(_ context: ChannelHandlerContext) {
        while !hasEnded, slots.count < Self.streamLimit,
            let length = received.getInteger(at: received.readerIndex + 1, as: UInt32.self).map({ Int($0) })
        {
            guard length <= place.bounds.body else {
                return end(
                    InferenceError(.invalid, "the message is larger than \(place.bounds.body) bytes, the limit here"),
                    context)
            }
            guard received.readableBytes >= 5 + length else {
                received.reserveCapacity(minimumWritableBytes: 5 + length - received.readableBytes)
                break
            }
            // A call of one message is complete when its client has said so.
            guard isStream || hasArrived else { break }
            let flag = received.readInteger(as: UInt8.self)
            received.moveReaderIndex(forwardBy: 4)
            guard flag == 0, let message = received.readSlice(length: length) else {
                return end(
                    InferenceError(.invalid, "a message says that it is compressed, but the call has no grpc-encoding"),
                    context)
            }
            start(message, arrival ?? .now(), context)
            arrival = received.readableBytes > 0 ? .now() : nil
        }
        if received.readableBytes == 0 { received.clear() }
        guard hasArrived, !hasEnded, slots.isEmpty else { return }
        if received.readableBytes > 0 {
            end(InferenceError(.invalid, "the last message ended early"), context)
        } else if isStream {
            end(nil, context)
        } else if !hasAnswered {
            end(InferenceError(.invalid, "the call has no message"), context)
        }
    }

    private func start(_ bytes: ByteBuffer, _ arrival: NIODeadline, _ context: ChannelHandlerContext) {
        guard let tag else { return }
        let slot = Slot()
        slots.append(slot)
        do throws(InferenceError) {
            let message = try bytes.withUnsafeReadableBytes { bytes throws(InferenceError) in try InferMessage(bytes) }
            let model = message.model
            (slot.id, slot.model) = (message.id, model.name)
            // A call's first byte is that of its headers.
            let call = try self.call(model, isStream ? arrival : begun, tag)
            slot.call = call
            share.isLowPriority = call.priority == .low
            let exchange = InferenceExchange<ByteBuffer>(call, pool: place.pool, eventLoop: context.eventLoop) {
                [self] result in
                slot.result = result
                answer(context)
            }
            slot.exchange = exchange
            let (limit, isStream, timeout) = (place.bounds.answer, isStream, timeout(since: arrival))
            exchange.start(
                isLong: message.isLong,
                writing: .init(isLong: { _ in false }) { response throws(InferenceError) in
                    guard response.outputs.reduce(0, { $0 + $1.answered.count }) <= limit else {
                        throw ResponseEncoding.tooLarge(limit: limit)
                    }
                    return try InferAnswer(response, inStream: isStream).framed(inStream: isStream)
                }
            ) { () throws(InferenceError) in
                var request = try InferenceRequest(try message.call())
                // The call's own deadline is the request's, unless that says another.
                request.timeout = request.timeout ?? timeout
                return request
            }
        } catch {
            slot.result = .failure(error)
            answer(context)
        }
    }

    private func call(
        _ model: (name: String, version: String), _ arrival: NIODeadline, _ tag: RequestTag
    ) throws(InferenceError) -> InferenceCall {
        guard let early else {
            return try InferenceCall(
                place.service, model: model.name, version: model.version, arrival: arrival, tag: tag,
                sharedMemoryRefusal: place.gate.sharedMemoryRefusal)
        }
        guard early.model.name == model.name else { throw InferenceError(.invalid, "'model_name' is given twice") }
        self.early = nil
        return early
    }

    /// What is left of the call's own deadline for a message that began to arrive at a time.
    private func timeout(since arrival: NIODeadline) -> Nanoseconds? {
        timeout.map { timeout in
            isStream ? max(Nanoseconds(1), timeout - Nanoseconds((arrival - begun).nanoseconds)) : timeout
        }
    }

    // MARK: - What is answered

    /// Gives the answers that are known, up to the first that is not.
    private func answer(_ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        while let slot = slots.first, let known = slot.result {
            slots.removeFirst()
            slot.exchange = nil
            let result = known.mapError { $0.forClient(requestID: tag?.id) }
            if isStream {
                writeHeaders(context)
                let message: ByteBuffer
                switch result {
                case .success(let framed): message = framed
                case .failure(let error): message = Self.message(error, slot.id, slot.model)
                }
                context.writeAndFlush(
                    wrapOutboundOut(.data(.init(data: .byteBuffer(message)))), promise: nil)
            } else {
                switch result {
                case .success(let framed):
                    writeHeaders(context)
                    context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(framed)))), promise: nil)
                    end(nil, context)
                case .failure(let error): end(error, context)
                }
            }
            slot.call?.answered(known.failure)
        }
        takeMessages(context)
    }

    private func writeHeaders(_ context: ChannelHandlerContext) {
        guard !hasAnswered else { return }
        hasAnswered = true
        context.write(wrapOutboundOut(.headers(.init(headers: Self.head(tag), endStream: false))), promise: nil)
    }

    private static func head(_ tag: RequestTag?) -> HPACKHeaders {
        var headers: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
        if let tag { headers.add(name: "x-request-id", value: tag.id) }
        return headers
    }

    /// An error in a stream, which does not end it.
    private static func message(_ error: InferenceError, _ id: String, _ model: String) -> ByteBuffer {
        let answer = Inference_ModelStreamInferResponse.with {
            $0.errorMessage = error.message
            $0.inferResponse.id = id
            $0.inferResponse.modelName = model
        }
        let bytes: [UInt8] = (try? answer.serializedBytes()) ?? []
        var buffer = ByteBuffer()
        buffer.writeFrame(of: bytes.count)
        buffer.writeBytes(bytes)
        return buffer
    }

    /// Ends the call with a status.
    private func end(_ error: InferenceError?, _ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        hasEnded = true
        var headers = hasAnswered ? HPACKHeaders() : Self.head(tag)
        let status = error.map(RPCError.init)
        if let status {
            headers.addStatus(status)
        } else {
            headers.add(name: "grpc-status", value: "0")
        }
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
        RequestTag.$current.withValue(tag) {
            place.service.journal.call(
                "gRPC", method, status.map { "\($0.code)" } ?? "OK",
                after: .nanoseconds((NIODeadline.now() - begun).nanoseconds))
        }
        abandon(error ?? RequestQueue.cancelled)
    }

    // MARK: - Its end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .refuse(let error) = event as? ConnectionSignal {
            hasEnded = true
            abandon(error)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        hasEnded = true
        abandon()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        hasEnded = true
        abandon()
    }

    /// Gives up what is not answered.
    private func abandon(_ error: InferenceError = RequestQueue.cancelled) {
        early?.answered(error)
        early = nil
        for slot in slots {
            slot.exchange?.abandon()
            slot.exchange = nil
            slot.call?.answered(error)
        }
        slots = []
    }
}

extension HPACKHeaders {
    /// The status of a call, with what goes with it.
    mutating func addStatus(_ status: RPCError) {
        add(name: "grpc-status", value: "\(status.code.rawValue)")
        add(name: "grpc-message", value: Self.encoded(status.message))
        for (name, value) in status.metadata {
            if case .string(let text) = value { add(name: name, value: text) }
        }
    }

    /// A message as a header has it: printable ASCII, everything else and '%' as '%XX'.
    private static func encoded(_ message: String) -> String {
        message.utf8.map { byte in
            (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "%")
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
