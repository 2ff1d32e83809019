import Foundation
import HTTPTypes
import Hummingbird

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
        case .invalid: .badRequest
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
