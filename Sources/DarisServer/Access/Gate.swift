import DarisConfiguration
import GRPCCore
import Glibc
import HTTPTypes
import Hummingbird

/// Who may do what: clients ask for inferences, operators load and unload models. Without tokens everybody may.
struct Gate: Sendable {
    /// What a call is about.
    enum Purpose: Sendable {
        /// Whether the server is alive and ready, which anybody may know, and the page, which holds no data.
        case health
        case inference
        case control
    }

    var inference: TokenList?
    var control: TokenList?
    var origins = OriginRule(isLoopback: false, hosts: nil)
    /// Why shared memory is not for the clients of this listener; `nil` if it is.
    var sharedMemoryRefusal: InferenceError?

    /// - Parameter authorization: the header of that name.
    func check(_ authorization: String?, for purpose: Purpose) throws(InferenceError) {
        let list: TokenList? =
            switch purpose {
            case .health: nil
            case .inference: inference
            case .control: control ?? inference
            }
        guard let list else { return }
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else {
            throw InferenceError(.unauthorised, "a token is needed: send the header 'Authorization: Bearer TOKEN'")
        }
        let token = authorization.dropFirst(7).trimmingPrefix { $0 == " " }
        guard list.contains(String(token)) else {
            throw InferenceError(.unauthorised, "the token is not one that may do this")
        }
    }

    /// The gate of one listener. A client that may register shared memory has the server read and write what this machine's
    /// processes share: that is for them, or for those whom a token of its own has been given.
    func forListener(_ address: ServeSettings.Address, hosts: [String]?, origins: Set<String> = []) -> Gate {
        var gate = self
        gate.origins = OriginRule(isLoopback: address.isLoopback, hosts: hosts, origins: origins)
        if !address.isLoopback, control == nil {
            gate.sharedMemoryRefusal = InferenceError(
                .forbidden,
                "shared memory is for clients on this machine, and other machines reach this server; it needs a file of "
                    + "control tokens ('serve: {tokens: {control: FILE}}')")
        }
        return gate
    }

    /// Whether an HTTP request may be made, whether the framework or `HTTPInference` answers it.
    ///
    /// - Parameter standing: of its connection.
    func check(
        _ head: HTTPRequest, for purpose: Purpose, standing: ConnectionTable.Standing
    ) throws(InferenceError) {
        try origins.check(head, for: purpose)
        try check(head.headerFields[.authorization], for: purpose)
        if purpose != .health, standing == .healthOnly {
            throw InferenceError(.connectionsFull, retryAfter: .seconds(Int64(1)))
        }
    }
}

extension Gate.Purpose {
    /// What a method of gRPC is about.
    init(service: String, method: String) {
        switch (service, method) {
        case (GRPCService.name, "ServerLive"), (GRPCService.name, "ServerReady"), (HealthService.name, _):
            self = .health
        case (_, "RepositoryModelLoad"), (_, "RepositoryModelUnload"): self = .control
        case _ where method.hasPrefix("SystemSharedMemory") || method.hasPrefix("CudaSharedMemory"): self = .control
        default: self = .inference
        }
    }
}

/// The gate of a group of routes. Access belongs to the route that answers, however its path was spelt.
struct GateMiddleware: RouterMiddleware {
    typealias Context = ServerContext

    let gate: Gate
    let purpose: Gate.Purpose
    let connections: ConnectionTable

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        do throws(InferenceError) {
            try gate.check(request.head, for: purpose, standing: connections.standing(context.channel))
        } catch {
            var response = HTTPReply.error(error)
            if error.refusal == .connectionsFull { response.headers[.connection] = "close" }
            return response
        }
        return try await next(request, context.decoded)
    }
}

/// Asks for tokens over gRPC.
struct GateInterceptor: ServerInterceptor {
    let gate: Gate

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: GRPCCore.ServerContext,
        next:
            @Sendable (StreamingServerRequest<Input>, GRPCCore.ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        do throws(InferenceError) {
            try gate.check(
                request.metadata[stringValues: "authorization"].first { _ in true },
                for: Gate.Purpose(
                    service: context.descriptor.service.fullyQualifiedService, method: context.descriptor.method))
        } catch {
            return StreamingServerResponse(error: RPCError(error))
        }
        return try await next(request, context)
    }
}

/// Keeps web pages of other sites from using a server that their visitor can reach.
///
/// A page may send requests anywhere; its browser adds where it comes from (`Origin`) and the name that it asked for
/// (`Host`). A name of an attacker's that leads to this machine (DNS rebinding) is told by the second.
struct OriginRule: Sendable {
    /// Whether only this machine can reach the listener.
    let isLoopback: Bool
    /// The only names that the server goes by; `nil` leaves it to the listener.
    let hosts: [String]?
    /// The origins whose pages may ask as the server's own may.
    var origins: Set<String> = []

    /// - Throws: `InferenceError.forbidden`.
    func check(_ request: HTTPRequest, for purpose: Gate.Purpose) throws(InferenceError) {
        guard purpose != .health else { return }
        let authority = request.authority
        if let authority {
            guard allows(host: Self.host(of: authority)) else {
                throw InferenceError(
                    .forbidden,
                    "host '\(authority)' is not one that this server goes by; list it in 'serve: {hosts: […]}' if it is"
                )
            }
        } else if hosts != nil {
            throw InferenceError(.forbidden, "the request has no Host header; this server needs one")
        }
        guard request.method != .get, request.method != .head, isLoopback || purpose == .control,
            let origin = request.headerFields[.origin], !origins.contains(origin.lowercased())
        else { return }
        let place = origin.drop { $0 != "/" }.drop { $0 == "/" }
        // The page's own server, or one by another of its names.
        guard place == (authority ?? "")[...] || hosts?.contains(Self.host(of: String(place))) == true else {
            throw InferenceError(.forbidden, "a page of '\(origin)' may not ask this server for anything")
        }
    }

    private func allows(host: String) -> Bool {
        if let hosts { return hosts.contains(host) }
        return !isLoopback || ServeSettings.Address.isLoopback(host: host)
    }

    /// The name in `name:port` or `[number]:port`, in lower case.
    static func host(of authority: String) -> String {
        let text = authority.lowercased()
        if text.hasPrefix("[") { return String(text.dropFirst().prefix { $0 != "]" }) }
        return String(text.prefix { $0 != ":" })
    }
}

/// Whom a request comes from, as far as that can be told. Those who share a token, or an address where there are no tokens,
/// are one client.
enum Client: Hashable, Sendable, CustomStringConvertible {
    case token(String)
    /// An IP address, or the first half of a public one of version 6: all of the other half may be one machine's.
    case address(String)
    case unknown

    /// - Parameters:
    ///   - authorization: the header of that name.
    ///   - usesTokens: whether a token is needed. If not, whatever a client sends as one says nothing of who it is.
    ///   - address: the IP address that it comes from.
    init(authorization: String?, usesTokens: Bool, address: String?) {
        if usesTokens, let authorization, authorization.lowercased().hasPrefix("bearer ") {
            self = .token(String(authorization.dropFirst(7).trimmingPrefix { $0 == " " }))
        } else if let address {
            self = .address(Self.network(address))
        } else {
            self = .unknown
        }
    }

    /// The address in gRPC's description of a peer: `ipv4:127.0.0.1:31415`, `ipv6:[::1]:443`.
    static func address(ofPeer peer: String) -> String? {
        let parts = peer.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0] == "ipv4" || parts[0] == "ipv6", let end = parts[1].lastIndex(of: ":") else {
            return nil
        }
        return String(parts[1][..<end].filter { $0 != "[" && $0 != "]" })
    }

    private static func network(_ address: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
        if bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] {
            return bytes.suffix(4).map(String.init).joined(separator: ".")
        }
        let isPublic = bytes[0] & 0xe0 == 0x20
        guard isPublic else { return address }
        let groups = (0..<4).map { String(Int(bytes[2 * $0]) << 8 | Int(bytes[2 * $0 + 1]), radix: 16) }
        return groups.joined(separator: ":") + "::/64"
    }

    /// In words that give no token away.
    var description: String {
        switch self {
        case .token: "its token"
        case .address(let address): address
        case .unknown: "unknown"
        }
    }
}
