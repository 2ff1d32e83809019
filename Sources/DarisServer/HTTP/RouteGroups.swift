import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The routes of a server by what they are about, each group behind its own gate.
struct RouteGroups {
    let health: RouteGroup
    let inference: RouteGroup
    let control: RouteGroup

    init(_ router: Router<ServerContext>, gate: Gate, connections: ConnectionTable) {
        func group(_ purpose: Gate.Purpose) -> RouteGroup {
            RouteGroup(
                router.group().add(
                    middleware: GateMiddleware(gate: gate, purpose: purpose, connections: connections)))
        }
        health = group(.health)
        inference = group(.inference)
        control = group(.control)
    }

    /// Has every path refuse the methods that it has no route for. Called once, when all routes are there.
    func refuseOtherMethods() {
        for group in [health, inference, control] { group.refuseOtherMethods() }
    }
}

/// Routes behind one gate, below one path.
struct RouteGroup {
    typealias Answer = @Sendable (Request, ServerContext) async throws -> Response

    /// The methods of each path behind the gate.
    private final class Known {
        var methods: [String: [HTTPRequest.Method]] = [:]
    }

    private let routes: RouterGroup<ServerContext>
    private let known: Known
    private let path: String

    init(_ routes: RouterGroup<ServerContext>) { self.init(routes, Known(), path: "") }

    private init(_ routes: RouterGroup<ServerContext>, _ known: Known, path: String) {
        (self.routes, self.known, self.path) = (routes, known, path)
    }

    func group(_ path: String) -> RouteGroup { RouteGroup(routes, known, path: "\(self.path)/\(path)") }

    func get(_ path: String, _ answer: @escaping Answer) { on(path, .get, answer) }

    func post(_ path: String, _ answer: @escaping Answer) { on(path, .post, answer) }

    private func on(_ path: String, _ method: HTTPRequest.Method, _ answer: @escaping Answer) {
        let parts = "\(self.path)/\(path)".split(separator: "/")
        let path = "/" + parts.joined(separator: "/")
        known.methods[path, default: []].append(method)
        routes.on(RouterPath(path), method: method, use: answer)
    }

    /// Methods of HTTP itself; `RequestTagging` refuses those of other protocols.
    static let standardMethods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .delete, .connect, .options, .trace, .patch,
    ]

    fileprivate func refuseOtherMethods() {
        for (path, own) in known.methods {
            // The router adds HEAD to GET.
            let allowed = own.flatMap { $0 == .get ? [.get, .head] : [$0] }
            let text = allowed.map(\.rawValue).joined(separator: ", ")
            for method in Self.standardMethods where !allowed.contains(method) {
                routes.on(RouterPath(path), method: method) { request, _ in
                    var response = HTTPReply.error(
                        "\(request.method.rawValue) is no method of \(request.uri.path), which has \(text)",
                        .methodNotAllowed)
                    response.headers[.allow] = text
                    return response
                }
            }
        }
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

    /// A parameter of the path, decoded; `nil` if it is not there, or no text.
    func parameter(_ name: String) -> String? { parameters.get(name)?.removingPercentEncoding }
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
