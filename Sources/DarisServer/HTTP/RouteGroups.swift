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
}
