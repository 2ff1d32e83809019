import Glibc

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
