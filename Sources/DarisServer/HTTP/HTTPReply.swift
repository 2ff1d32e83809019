import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// Answers in the protocol's form.
enum HTTPReply {
    /// A value as JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = (try? encoder.encode(value)) ?? Data()
        return json(bytes: [UInt8](bytes), status: status)
    }

    static func json(bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static let empty = Response(status: .ok, headers: [.contentLength: "0"])

    /// `{"error": …}`
    static func error(_ message: String, _ status: HTTPResponse.Status) -> Response {
        json(bytes: errorJSON(message), status: status)
    }

    private static func errorJSON(_ message: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"error\":")
        json.string(message)
        json.raw("}")
        return json.bytes
    }

    /// `{"error": …}` with the status that fits.
    static func error(_ error: InferenceError) -> Response {
        let (head, body) = parts(error)
        return Response(status: head.status, headers: head.headerFields, body: .init(byteBuffer: body))
    }

    /// The same for those who write to a connection themselves.
    static func parts(_ error: InferenceError) -> (head: HTTPResponse, body: ByteBuffer) {
        let body = ByteBuffer(bytes: errorJSON(error.message))
        var head = HTTPResponse(
            status: error.status,
            headerFields: [.contentType: "application/json", .contentLength: "\(body.readableBytes)"])
        if error.refusal != nil || error.retryAfter != nil {
            // Whole seconds, as the header has them.
            let seconds = max(1, Int((error.retryAfter ?? .zero).inSeconds.rounded(.up)))
            head.headerFields[.retryAfter] = "\(seconds)"
        }
        if error.kind == .unauthorised { head.headerFields[.wwwAuthenticate] = "Bearer" }
        return (head, body)
    }
}

extension InferenceError {
    /// The status of HTTP.
    var status: HTTPResponse.Status {
        switch kind {
        case .invalid, .unsupported: .badRequest
        case .unauthorised: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .refused: .serviceUnavailable
        case .tooLate: .gatewayTimeout
        case .cancelled: .init(code: 499, reasonPhrase: "Client Closed Request")
        case .failed: .internalServerError
        }
    }
}

/// Bodies that are compressed on the way. NIO's codecs work on the parts of a message; here they are fed whole ones.
enum Compression {
    /// A body as it was before it was compressed.
    ///
    /// - Parameter take: told of bytes before there are more of them; ends the work by an error.
    static func decoded(
        _ body: ByteBuffer, encoding: String?, limit: Int,
        take: (_ bytes: Int) throws(InferenceError) -> Void = { _ throws(InferenceError) in }
    ) throws(InferenceError) -> ByteBuffer {
        guard let encoding, encoding != "identity" else { return body }
        guard encoding == "gzip" || encoding == "deflate" else {
            throw InferenceError(.invalid, "Content-Encoding '\(encoding)' is not known; use gzip or deflate")
        }
        let channel = EmbeddedChannel(handler: NIOHTTPRequestDecompressor(limit: .size(limit)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        do {
            let headers: HTTPHeaders = ["content-encoding": encoding, "content-length": "\(body.readableBytes)"]
            try channel.writeInbound(
                HTTPServerRequestPart.head(.init(version: .http1_1, method: .POST, uri: "/", headers: headers)))
            var (body, decoded) = (body, ByteBuffer())
            while let slice = body.readSlice(length: min(body.readableBytes, 1 << 16)), slice.readableBytes > 0 {
                try channel.writeInbound(HTTPServerRequestPart.body(slice))
                while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
                    guard case .body(var bytes) = part else { continue }
                    try take(bytes.readableBytes)
                    decoded.writeBuffer(&bytes)
                }
            }
            try channel.writeInbound(HTTPServerRequestPart.end(nil))
            return decoded
        } catch let error as InferenceError {
            throw error
        } catch NIOHTTPDecompression.DecompressionError.limit {
            throw InferenceError(.invalid, "the body is larger than \(limit) bytes when decompressed, the limit here")
        } catch {
            throw InferenceError(.invalid, "the body is no good \(encoding): \(error)")
        }
    }

    /// Whether a client takes bodies that are compressed.
    ///
    /// - Parameter encodings: its header Accept-Encoding.
    static func isAccepted(_ encodings: String) -> Bool { encodings.contains("gzip") || encodings.contains("deflate") }

    /// A body in the encoding that the client prefers.
    static func encoded(_ body: ByteBuffer, accepting encodings: String) -> (ByteBuffer, String)? {
        let channel = EmbeddedChannel(handler: HTTPResponseCompressor())
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        do {
            let request = HTTPRequestHead(
                version: .http1_1, method: .POST, uri: "/", headers: ["accept-encoding": encodings])
            try channel.writeInbound(HTTPServerRequestPart.head(request))
            try channel.writeOutbound(
                HTTPServerResponsePart.head(.init(version: .http1_1, status: .ok, headers: [:])))
            try channel.writeOutbound(HTTPServerResponsePart.body(.byteBuffer(body)))
            try channel.writeOutbound(HTTPServerResponsePart.end(nil))
            var encoded = ByteBuffer()
            var encoding: String?
            while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
                switch part {
                case .head(let head): encoding = head.headers.first(name: "content-encoding")
                case .body(.byteBuffer(var bytes)): encoded.writeBuffer(&bytes)
                default: break
                }
            }
            return encoding.map { (encoded, $0) }
        } catch {
            return nil
        }
    }
}
