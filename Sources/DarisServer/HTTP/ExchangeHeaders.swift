import DequeModule
import NIOCore
import NIOHTTP1

/// What each exchange of a connection has in common, whatever answers it: whether the connection goes on after it, and whether
/// a page of another origin may read the answer.
///
/// A request of HTTP/1.0 ends its connection unless it asks for another; `Connection: close` is told to those behind in one
/// spelling. A request for the head alone gets no more.
final class ExchangeHeaders: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Exchange {
        var isOld: Bool
        var keepsAlive: Bool
        var isHead: Bool
        /// Of the page that asks, if it may.
        var origin: String?
    }

    private let origins: Set<String>
    /// Those that are not answered in full, in the order of requests.
    private var exchanges: Deque<Exchange> = []

    /// - Parameter origins: whose pages may read answers.
    init(origins: Set<String>) { self.origins = origins }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        let isOld = head.version.major < 1 || head.version.major == 1 && head.version.minor < 1
        let exchange = Exchange(
            isOld: isOld, keepsAlive: head.isKeepAlive, isHead: head.method == .HEAD,
            origin: head.headers.first(name: "origin").flatMap { origins.contains($0.lowercased()) ? $0 : nil })
        exchanges.append(exchange)
        if !exchange.keepsAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
        // It would not understand the answer.
        if isOld { head.headers.remove(name: "expect") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            if let exchange = exchanges.first { complete(&head, for: exchange) }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body where exchanges.first?.isHead == true: promise?.succeed()
        case .end:
            _ = exchanges.popFirst()
            context.write(data, promise: promise)
        default: context.write(data, promise: promise)
        }
    }

    private func complete(_ head: inout HTTPResponseHead, for exchange: Exchange) {
        if exchange.isOld {
            head.version = .http1_0
            // An answer without a length ends with its connection.
            if exchange.keepsAlive, !head.headers.contains(name: "connection"),
                head.headers.contains(name: "content-length")
            {
                head.headers.add(name: "connection", value: "keep-alive")
            }
        }
        if !exchange.keepsAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
        guard !origins.isEmpty else { return }
        head.headers.add(name: "vary", value: "Origin")
        guard let origin = exchange.origin else { return }
        head.headers.add(name: "access-control-allow-origin", value: origin)
        head.headers.add(name: "access-control-expose-headers", value: Self.exposed)
    }

    /// Headers of answers that pages of other origins may read.
    private static let exposed = "Inference-Header-Content-Length, X-Request-Id, Retry-After"
}
