import Foundation
import Hummingbird
import NIOCore

/// The routes of a server by what they are about, each group behind its own gate.
struct RouteGroups {
    let health: RouterGroup<ServerContext>
    let inference: RouterGroup<ServerContext>
    let control: RouterGroup<ServerContext>

    init(_ router: Router<ServerContext>, gate: Gate, connections: ConnectionTable) {
        func group(_ purpose: Gate.Purpose) -> RouterGroup<ServerContext> {
            router.group().add(middleware: GateMiddleware(gate: gate, purpose: purpose, connections: connections))
        }
        health = group(.health)
        inference = group(.inference)
        control = group(.control)
    }
}

/// What belongs to one HTTP request besides its bytes.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Bodies are read with the server's own limit.
    var maxUploadSize: Int { .max }

    /// The same with the names in the path as they were before the client wrote them as part of an address: `my%20model` is
    /// `my model`.
    var decoded: ServerContext {
        guard parameters.contains(where: { $0.value.utf8.contains(UInt8(ascii: "%")) }) else { return self }
        var context = self
        context.coreContext.parameters = Parameters(
            parameters.map { ($0.key, Substring($0.value.removingPercentEncoding ?? String($0.value))) })
        return context
    }
}
