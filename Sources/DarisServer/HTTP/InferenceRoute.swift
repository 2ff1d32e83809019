import Foundation
import HTTPTypes

/// The path of a request for an inference: `/v2/models/NAME[/versions/VERSION]/infer`.
struct InferenceRoute: Hashable {
    let model: String
    let version: String?

    /// - Returns: `nil` if the request is for something else.
    init?(_ head: HTTPRequest) {
        guard head.method == .post, let path = head.path else { return nil }
        self.init(path: path)
    }

    /// - Parameter path: with its query, if there is one.
    init?(path: String) {
        guard path.utf8.contains(UInt8(ascii: "i")) else { return nil }
        let parts = Self.withoutOrigin(path).prefix { $0 != "?" }.split(separator: "/")
        guard parts.count == 4 || parts.count == 6, parts.last == "infer", parts[0] == "v2", parts[1] == "models",
            parts.count == 4 || parts[3] == "versions", let model = String(parts[2]).removingPercentEncoding
        else { return nil }
        self.model = model
        if parts.count == 6 {
            guard let version = String(parts[4]).removingPercentEncoding else { return nil }
            self.version = version
        } else {
            version = nil
        }
    }

    /// The path of a request that names the server in it, as those to proxies do: `http://HOST/PATH`.
    private static func withoutOrigin(_ path: String) -> Substring {
        guard path.first != "/", let scheme = path.firstRange(of: "://") else { return path[...] }
        return path[scheme.upperBound...].drop { $0 != "/" && $0 != "?" }
    }
}
