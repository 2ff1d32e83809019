import GRPCCore
import GRPCProtobuf
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

struct InferCallDeserializer: MessageDeserializer {
    /// The most fields of a message beside elements: a tensor that takes two bytes there takes more than a hundred here.
    static let fieldLimit = 16_384

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> InferCall {
        try bytes.withUnsafeBytes { try Self.deserialize($0) }
    }

    static func deserialize(_ bytes: UnsafeRawBufferPointer) throws(RPCError) -> InferCall {
        guard let (rest, contents) = RawContents.split(bytes, field: 7, limit: fieldLimit) else {
            throw RPCError(
                code: .invalidArgument,
                message: "the message has more than \(fieldLimit) inputs, outputs and parameters, the limit here")
        }
        do {
            var message = try Inference_ModelInferRequest(serializedBytes: rest)
            // Those behind something that `split` leaves to others.
            let others = message.rawInputContents.map { [UInt8]($0) }
            message.rawInputContents = []
            return InferCall(message: message, rawContents: contents + others)
        } catch {
            throw RPCError(code: .invalidArgument, message: "the message is no ModelInferRequest: \(error)")
        }
    }
}

struct InferAnswerSerializer: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ answer: InferAnswer) throws -> Bytes {
        let head: [UInt8] = try answer.message.serializedBytes()
        let tags = answer.rawContents.map { RawContents.tag(field: 6, count: $0.count) }
        var bytes = Bytes(
            repeating: 0,
            count: zip(tags, answer.rawContents).reduce(head.count) { $0 + $1.0.count + $1.1.count })
        bytes.withUnsafeMutableBytes { room in
            var start = 0
            func add(_ part: [UInt8]) {
                UnsafeMutableRawBufferPointer(rebasing: room[start...]).copyBytes(from: part)
                start += part.count
            }
            add(head)
            for (tag, contents) in zip(tags, answer.rawContents) {
                add(tag)
                add(contents)
            }
        }
        return bytes
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
