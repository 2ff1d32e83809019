import GRPCCore

/// A message as its bytes, for services whose few fields are read and written here.
struct RawMessage: Sendable {
    private(set) var bytes: [UInt8]

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// The text of a field; `nil` if the message does not have it.
    func text(field: UInt64) -> String? { bytes.withUnsafeBytes { RawContents.text(field: field, in: $0) } }

    mutating func add(_ field: UInt64, _ bytes: [UInt8]) {
        self.bytes += RawContents.tag(field: field, count: bytes.count) + bytes
    }

    mutating func add(_ field: UInt64, _ text: String) { add(field, Array(text.utf8)) }

    /// Adds a number below 128, and no field for 0.
    mutating func add(_ field: UInt64, small number: Int) {
        precondition(field < 16 && (0..<128).contains(number), "a small field and number take one byte each")
        if number > 0 { bytes += [UInt8(field << 3), UInt8(number)] }
    }
}

/// Leaves messages as they are.
struct RawMessageCoding: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: RawMessage) -> Bytes { Bytes(message.bytes) }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) -> RawMessage {
        RawMessage(bytes.withUnsafeBytes { Array($0) })
    }
}
