import NIOCore
internal import SwiftProtobuf

/// An inference request as gRPC brings it, with the elements of its inputs beside it: they are copied once, where they
/// would be twice as fields of the message.
struct InferCall: Sendable {
    /// Without `rawInputContents`.
    var message: Inference_ModelInferRequest
    var rawContents: [[UInt8]] = []
}

/// An answer likewise.
struct InferAnswer: Sendable {
    /// Without `rawOutputContents`.
    var message: Inference_ModelInferResponse
    var rawContents: [[UInt8]]
}

extension InferCall {
    /// Reads a message.
    ///
    /// - Throws: `InferenceError` that says what is wrong with it.
    init(serialized bytes: UnsafeRawBufferPointer) throws(InferenceError) { self = try InferMessage(bytes).call() }
}

/// A message that asks for an inference, its raw contents apart and the rest of it not read yet.
struct InferMessage: Sendable {
    /// The most fields of a message beside elements: a tensor that takes two bytes there takes more than a hundred here.
    static let fieldLimit = 16_384
    /// More bytes besides raw contents take long to read.
    private static let long = 16_384

    private let rest: [UInt8]
    private let contents: [[UInt8]]

    init(_ bytes: UnsafeRawBufferPointer) throws(InferenceError) {
        guard let (rest, contents) = RawContents.split(bytes, field: 7, limit: Self.fieldLimit) else {
            throw InferenceError(
                .invalid,
                "the message has more than \(Self.fieldLimit) inputs, outputs and parameters, the limit here")
        }
        self.rest = rest
        self.contents = contents
    }

    /// Whether it takes long to read.
    var isLong: Bool { rest.count > Self.long }

    /// The model that is asked for, and its version; empty if the message does not say, or cannot be read.
    var model: (name: String, version: String) {
        rest.withUnsafeBytes {
            (RawContents.text(field: 1, in: $0) ?? "", RawContents.text(field: 2, in: $0) ?? "")
        }
    }

    /// The request's own name; empty if it has none.
    var id: String { rest.withUnsafeBytes { RawContents.text(field: 3, in: $0) ?? "" } }

    /// Reads the rest.
    func call() throws(InferenceError) -> InferCall {
        do {
            var message = try Inference_ModelInferRequest(serializedBytes: rest)
            // Those behind something that `split` leaves to others.
            let others = message.rawInputContents.map { [UInt8]($0) }
            message.rawInputContents = []
            return InferCall(message: message, rawContents: contents + others)
        } catch {
            throw InferenceError(.invalid, "the message is no ModelInferRequest: \(error)")
        }
    }
}

extension InferAnswer {
    /// - Parameter isInStream: whether it is one of several of a call; Triton marks the last answer to a message there, and
    ///   here there is one.
    init(_ response: InferenceResponse, inStream isInStream: Bool = false) {
        message = Inference_ModelInferResponse(response)
        if isInStream { message.parameters["triton_final_response"] = .with { $0.boolParam = true } }
        rawContents = response.outputs.map(\.answered)
    }

    /// The message, with room for what comes before it on the wire.
    ///
    /// - Parameter isInStream: whether it is to be the `infer_response` of an answer in a stream.
    func framed(inStream: Bool = false) throws(InferenceError) -> ByteBuffer {
        let head: [UInt8]
        do { head = try message.serializedBytes() } catch {
            throw InferenceError(.failed, "the answer cannot be written: \(error)")
        }
        let tags = rawContents.map { RawContents.tag(field: 6, count: $0.count) }
        let count = zip(tags, rawContents).reduce(head.count) { $0 + $1.0.count + $1.1.count }
        let outer = inStream ? RawContents.tag(field: 2, count: count) : []
        var buffer = ByteBuffer()
        buffer.reserveCapacity(5 + outer.count + count)
        buffer.writeFrame(of: outer.count + count)
        buffer.writeBytes(outer)
        buffer.writeBytes(head)
        for (tag, contents) in zip(tags, rawContents) {
            buffer.writeBytes(tag)
            buffer.writeBytes(contents)
        }
        return buffer
    }
}

extension ByteBuffer {
    /// Writes what comes before a message of so many bytes that is not compressed.
    mutating func writeFrame(of count: Int) {
        writeInteger(UInt8(0))
        writeInteger(UInt32(count))
    }
}

/// One repeated field of bytes of a message in the wire format of protocol buffers, apart from the rest.
enum RawContents {
    /// A message without the field, and the field's values; `nil` if it has more than `limit` other fields. From where the
    /// message is not as it should be, all is left to the reader of the rest.
    static func split(
        _ message: UnsafeRawBufferPointer, field: UInt64, limit: Int
    ) -> (rest: [UInt8], contents: [[UInt8]])? {
        var rest: [UInt8] = []
        var contents: [[UInt8]] = []
        var others = 0
        var reader = Reader(bytes: message)
        while reader.position < message.count {
            let start = reader.position
            guard let key = reader.key(), let value = reader.value(ofType: key & 7) else {
                rest += message[start...]
                break
            }
            if key == field << 3 | 2 {
                contents.append([UInt8](message[value]))
            } else {
                others += 1
                guard others <= limit else { return nil }
                rest += message[start..<reader.position]
            }
        }
        return (rest, contents)
    }

    /// The last value of a field of text; `nil` if there is none before something that cannot be read.
    static func text(field: UInt64, in message: UnsafeRawBufferPointer) -> String? {
        var (reader, text): (Reader, String?) = (Reader(bytes: message), nil)
        while reader.position < message.count, let key = reader.key(), let value = reader.value(ofType: key & 7) {
            if key == field << 3 | 2 { text = String(decoding: message[value], as: UTF8.self) }
        }
        return text
    }

    /// The fields before one of a number, if one of at least that number has begun: writers put them in the order of their
    /// numbers.
    static func head(before field: UInt64, in message: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var reader = Reader(bytes: message)
        while reader.position < message.count {
            let start = reader.position
            guard let key = reader.key() else { return nil }
            if key >> 3 >= field { return UnsafeRawBufferPointer(rebasing: message[..<start]) }
            guard reader.value(ofType: key & 7) != nil else { return nil }
        }
        return nil
    }

    /// What comes before so many bytes of the field.
    static func tag(field: UInt64, count: Int) -> [UInt8] { varint(field << 3 | 2) + varint(UInt64(count)) }

    private static func varint(_ number: UInt64) -> [UInt8] {
        var (bytes, left): ([UInt8], UInt64) = ([], number)
        while left >= 0x80 {
            bytes.append(UInt8(left & 0x7f) | 0x80)
            left >>= 7
        }
        return bytes + [UInt8(left)]
    }

    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        var position = 0

        /// A field's number and type: at most 32 bits, in 5 bytes at most, as the reader of the rest wants it.
        mutating func key() -> UInt64? {
            let start = position
            guard let key = varint(), position - start <= 5, key <= UInt64(UInt32.max) else { return nil }
            return key
        }

        mutating func varint() -> UInt64? {
            var number: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard position < bytes.count else { return nil }
                let byte = bytes[position]
                position += 1
                number |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return number }
            }
            return nil
        }

        /// Where a field's value is, without its length.
        mutating func value(ofType type: UInt64) -> Range<Int>? {
            switch type {
            case 0:
                let start = position
                return varint().map { _ in start..<position }
            case 1: return skip(8)
            case 2: return varint().flatMap { skip($0) }
            case 3: return group()
            case 5: return skip(4)
            default: return nil
            }
        }

        /// A group, to the end of it; whether the ends are those of what they end is left to the reader of the rest.
        private mutating func group() -> Range<Int>? {
            let start = position
            var depth = 1
            while depth > 0 {
                guard let key = varint() else { return nil }
                switch key & 7 {
                case 3: depth += 1
                case 4: depth -= 1
                default: guard value(ofType: key & 7) != nil else { return nil }
                }
            }
            return start..<position
        }

        private mutating func skip(_ count: UInt64) -> Range<Int>? {
            guard count <= UInt64(bytes.count - position) else { return nil }
            let start = position
            position += Int(count)
            return start..<position
        }
    }
}
