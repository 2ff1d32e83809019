import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

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

    /// A body in an encoding that the client prefers, if it names one.
    static func encoded(_ body: ByteBuffer, accepting encodings: String?) -> (ByteBuffer, String)? {
        guard let encodings, encodings.contains("gzip") || encodings.contains("deflate") else { return nil }
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
