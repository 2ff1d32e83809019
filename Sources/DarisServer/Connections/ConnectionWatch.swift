import DarisCore
import NIOCore
import NIOHTTPTypes
import Synchronization

/// What a connection's requests must be told if the client goes away.
final class ConnectionTable: Sendable {
    private let entries = Mutex<[ObjectIdentifier: [Int: @Sendable () -> Void]]>([:])
    private let last = Atomic(0)

    /// Has `onClose` called if the connection's client goes away before `forget`.
    ///
    /// - Returns: What to forget it by, or `nil` if the client is gone already.
    func watch(_ channel: any Channel, onClose: @escaping @Sendable () -> Void) -> Int? {
        let number = last.add(1, ordering: .relaxed).newValue
        let isOpen = entries.withLock { entries in
            guard entries[ObjectIdentifier(channel)] != nil else { return false }
            entries[ObjectIdentifier(channel)]?[number] = onClose
            return true
        }
        return isOpen ? number : nil
    }

    func forget(_ number: Int, of channel: any Channel) {
        entries.withLock { _ = $0[ObjectIdentifier(channel)]?.removeValue(forKey: number) }
    }

    fileprivate func opened(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)] = [:] }
    }

    fileprivate func closed(_ channel: any Channel) {
        let calls = entries.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }
        for call in calls.map({ Array($0.values) }) ?? [] { call() }
    }
}

/// Watches one connection: tells its requests if the client goes away, and ends it if a request takes too long to arrive.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let table: ConnectionTable
    private let receive: TimeAmount
    private var timer: Scheduled<Void>?

    /// - Parameter receive: how long a request may take from its first byte known to its last.
    init(table: ConnectionTable, receive: Nanoseconds) {
        self.table = table
        self.receive = .nanoseconds(receive.rawValue)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        table.opened(context.channel)
        expect(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: expect(context)
        case .body: break
        case .end:
            timer?.cancel()
            timer = nil
        }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Who closes its side has gone: nobody who waits for an answer does.
        if case ChannelEvent.inputClosed = event { end(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    /// Ends the connection unless a request has arrived in time; from the start of the connection for the first.
    private func expect(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: receive) { channel.close(promise: nil) }
    }

    private func end(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        table.closed(context.channel)
    }
}
