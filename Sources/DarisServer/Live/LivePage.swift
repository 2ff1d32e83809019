import HTTPTypes
import Hummingbird
import NIOCore

/// The page at `/`: one document with all that it needs. It holds no data; those come by the event stream.
struct LivePage: Sendable {
    /// The document before and after each place where this answer's nonce goes.
    private let pieces: [ByteBuffer]

    init() {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let document = text(PackageResources.page_html)
            .replacing("{{style}}", with: text(PackageResources.page_css), maxReplacements: 1)
            .replacing(
                "{{script}}",
                with: [PackageResources.stream_js, PackageResources.timeline_js, PackageResources.page_js].map(text)
                    .joined(separator: "\n"), maxReplacements: 1)
        pieces = document.split(separator: "{{nonce}}", omittingEmptySubsequences: false)
            .map { ByteBuffer(string: String($0)) }
    }

    func response() -> Response {
        let nonce = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
        var body = ByteBuffer()
        for (index, piece) in pieces.enumerated() {
            if index > 0 { body.writeString(nonce) }
            body.writeImmutableBuffer(piece)
        }
        // Nothing but what is in the document, and the one connection back here.
        let policy = """
            default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
            """
        var response = Response(status: .ok, headers: Self.guards, body: .init(byteBuffer: body))
        response.headers[.contentType] = "text/html; charset=utf-8"
        response.headers[.contentSecurityPolicy] = policy
        return response
    }

    /// What every answer has that a browser may show: it is nobody else's, and nothing keeps it.
    static let guards: HTTPFields = [
        .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        HTTPField.Name("Referrer-Policy")!: "no-referrer",
        HTTPField.Name("Cross-Origin-Resource-Policy")!: "same-origin",
        HTTPField.Name("X-Frame-Options")!: "DENY",
    ]
}
