import DarisConfiguration
import HTTPTypes
import Hummingbird

/// Keeps web pages of other sites from using a server that their visitor can reach.
///
/// A page may send requests anywhere; its browser adds where it comes from (`Origin`) and the name that it asked for
/// (`Host`). A name of an attacker's that leads to this machine (DNS rebinding) is told by the second.
struct OriginRule: Sendable {
    /// Whether only this machine can reach the listener.
    let isLoopback: Bool
    /// The only names that the server goes by; `nil` leaves it to the listener.
    let hosts: [String]?

    /// - Throws: `InferenceError.forbidden`.
    func check(_ request: Request, for purpose: Gate.Purpose) throws(InferenceError) {
        guard purpose != .health else { return }
        let authority = request.head.authority
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
            let origin = request.headers[.origin]
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
