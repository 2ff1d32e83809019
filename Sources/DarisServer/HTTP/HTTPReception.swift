import DarisConfiguration
import DarisCore
import Foundation
import HTTPTypes
import NIOCore

/// A request on its way in, and how it is to be answered.
final class HTTPReception {
    /// An answer as it goes out.
    struct Answer: Sendable {
        var head: HTTPResponse
        var body: ByteBuffer
    }

    /// What has arrived, ready to be read on any thread.
    struct Reading: Sendable {
        var body = ByteBuffer()
        var encoding: String?
        var headerLength: Int?
        /// The JSON before the tensors, if it has been read already.
        var header: RequestDecoding.Header?
        var model: String
        var version: String?
        var call: InferenceCall?
        let limit: Int
        let share: ByteBudget.Share
        let refusal: InferenceError

        /// Reads the request.
        func read() throws(InferenceError) -> InferenceRequest {
            let body = try Compression.decoded(body, encoding: encoding, limit: limit) {
                [share, refusal] bytes throws(InferenceError) in
                guard share.take(bytes) else { throw refusal }
            }
            return try body.withUnsafeReadableBytes { bytes throws(InferenceError) in
                if headerLength == 0, let input = call?.model.signature.inputs.first {
                    return RequestDecoding.raw(bytes, input: input, model: model, version: version)
                }
                if header == nil, bytes.count > HTTPReception.longJSON, let call {
                    let json = UnsafeRawBufferPointer(rebasing: bytes.prefix(headerLength ?? bytes.count))
                    let urgency = try RequestDecoding.urgency(json)
                    try call.admit(priority: urgency.priority, timeout: urgency.timeout)
                }
                let known = if let header { header } else { try RequestDecoding.header(bytes, length: headerLength) }
                return try RequestDecoding.request(known, bytes, model: model, version: version)
            }
        }
    }

    let head: HTTPRequest
    let share: ByteBudget.Share
    let tag: RequestTag
    let begun = NIODeadline.now()
    private(set) var call: InferenceCall?
    /// What is wrong with the request, or why it is refused, if it is to be answered when it has arrived.
    var problem: InferenceError?
    private(set) var reading: Reading
    private let place: HTTPInference.Place
    private var announced: Int?

    init(_ place: HTTPInference.Place, _ head: HTTPRequest, _ share: ByteBudget.Share, _ tag: RequestTag) {
        self.place = place
        self.head = head
        self.share = share
        self.tag = tag
        reading = Reading(
            encoding: head.headerFields[.contentEncoding].flatMap { $0 == "identity" ? nil : $0 }, model: "",
            limit: place.bounds.body, share: share, refusal: place.budget.refusal)
    }

    /// Whether the client wants the connection to end with the answer.
    var endsConnection: Bool { head.headerFields[.connection]?.lowercased() == "close" }

    /// Whether the connection ends with the answer.
    func isLast(takesRequests: Bool) -> Bool { endsConnection || !takesRequests }

    private var tooLarge: InferenceError {
        InferenceError(.invalid, "the body is larger than \(place.bounds.body) bytes, the limit here")
    }

    /// Takes in the head.
    func begin(_ route: InferenceRoute, _ arrival: NIODeadline) throws(InferenceError) {
        let call = try InferenceCall(
            place.service, model: route.model, version: route.version, arrival: arrival, tag: tag,
            sharedMemoryRefusal: place.gate.sharedMemoryRefusal)
        self.call = call
        reading.call = call
        (reading.model, reading.version) = (route.model, route.version)
        share.isLowPriority = call.priority == .low
        announced = head.headerFields[.contentLength].flatMap { Int($0) }
        if let announced, announced > place.bounds.body { throw tooLarge }
        if let text = head.headerFields[Self.headerLength] {
            guard let length = Int(text), length >= 0 else {
                throw InferenceError(.invalid, "Inference-Header-Content-Length '\(text)' is no number from 0 up")
            }
            guard length > 0 || call.model.signature.inputs.count == 1 else {
                throw InferenceError(
                    .invalid,
                    "a body without JSON (Inference-Header-Content-Length is 0) is for models with one input; model "
                        + "'\(call.model.name)' has \(call.model.signature.inputs.count)")
            }
            reading.headerLength = length
        }
        // No request's own parameters change that.
        try call.admitHead()
    }

    static let headerLength = HTTPField.Name("Inference-Header-Content-Length")!

    /// Takes in a part of the body; refuses the request when the JSON before its tensors tells that it would be.
    func take(_ part: ByteBuffer) throws(InferenceError) {
        guard reading.body.readableBytes + part.readableBytes <= place.bounds.body else { throw tooLarge }
        guard share.take(part.readableBytes) else { throw place.budget.refusal }
        if reading.body.readableBytes == 0 {
            reading.body = part
        } else {
            reading.body.writeImmutableBuffer(part)
        }
        guard reading.header == nil, reading.encoding == nil, let length = reading.headerLength,
            length > 0, length <= Self.longJSON, reading.body.readableBytes >= length,
            announced.map({ reading.body.readableBytes < $0 }) ?? true, let call
        else { return }
        let early = try reading.body.withUnsafeReadableBytes { bytes throws(InferenceError) in
            try RequestDecoding.header(bytes, length: length)
        }
        try call.admit(priority: early.priority, timeout: early.timeout())
        reading.header = early
        if let announced { reading.body.reserveCapacity(announced) }
    }

    /// JSON of more bytes is read by the coding pool.
    fileprivate static let longJSON = 4_096
    /// Tensors of more bytes are written there as JSON.
    private static let longTensors = 512
    /// Smaller answers are not compressed: they would not become smaller.
    private static let compressible = 1_024

    /// Refuses a request that has arrived, that takes long to read, and that would be refused. JSON that says neither how
    /// urgent the request is nor when it must be answered need not be read for that.
    func admit() throws(InferenceError) {
        guard isLong, let call else { return }
        // What a compressed one says is not known before it takes its time; its model's deadline is.
        if reading.encoding != nil {
            if call.priority == .low, call.model.other == nil { try call.admit(priority: nil, timeout: nil) }
            return
        }
        let says = reading.body.withUnsafeReadableBytes { Self.mentions(["\"priority\"", "\"timeout\""], $0) }
        if !says { try call.admit(priority: nil, timeout: nil) }
    }

    /// Whether there are words in quotation marks somewhere. Takes little time, since numbers have no such marks.
    private static func mentions(_ words: [StaticString], _ body: UnsafeRawBufferPointer) -> Bool {
        var rest = body
        while let base = rest.baseAddress, let quote = memchr(base, Int32(UInt8(ascii: "\"")), rest.count) {
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(UnsafeRawPointer(quote) - base))
            let isWord = words.contains {
                rest.count >= $0.utf8CodeUnitCount && memcmp(rest.baseAddress!, $0.utf8Start, $0.utf8CodeUnitCount) == 0
            }
            if isWord { return true }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
        }
        return false
    }

    /// Whether what has arrived takes long to read.
    var isLong: Bool {
        reading.encoding != nil
            || reading.header == nil && (reading.headerLength ?? reading.body.readableBytes) > Self.longJSON
    }

    /// How the answer is written.
    var writing: InferenceExchange<Answer>.Writing {
        let encodings = head.headerFields[.acceptEncoding].flatMap { Compression.isAccepted($0) ? $0 : nil }
        let (limit, share, refusal) = (place.bounds.answer, share, place.budget.refusal)
        return .init(
            isLong: { response in
                let bytes = response.outputs.reduce(0) { $0 + $1.answered.count }
                let asJSON = response.outputs.reduce(0) { $0 + ($1.isBinary ? 0 : $1.answered.count) }
                return asJSON > Self.longTensors || encodings != nil && bytes >= Self.compressible
            },
            write: { response throws(InferenceError) in
                let body = try ResponseEncoding.body(response, limit: limit)
                guard share.take(body.bytes.count) else { throw refusal }
                var head = HTTPResponse(status: .ok)
                head.headerFields[.contentType] =
                    body.headerLength == nil ? "application/json" : "application/octet-stream"
                if let length = body.headerLength { head.headerFields[Self.headerLength] = "\(length)" }
                var bytes = ByteBuffer(bytes: body.bytes)
                if let encodings, bytes.readableBytes >= Self.compressible,
                    let (compressed, encoding) = Compression.encoded(bytes, accepting: encodings)
                {
                    bytes = compressed
                    head.headerFields[.contentEncoding] = encoding
                }
                head.headerFields[.contentLength] = "\(bytes.readableBytes)"
                return Answer(head: head, body: bytes)
            })
    }
}
