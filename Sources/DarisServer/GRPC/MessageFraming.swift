import NIOCore

/// Where messages end in the data of a call: each has a byte for compression and four for its length before it.
struct MessageFraming {
    private var head: [UInt8] = []
    private var left = 0
    /// The bytes of the message that has begun, with those before it.
    private(set) var begun = 0

    /// Whether a message has begun and is not complete.
    var isInMessage: Bool { begun > 0 }

    /// Reads on.
    ///
    /// - Returns: the size of each message that is complete now, with the bytes before it.
    mutating func read(_ buffer: ByteBuffer) -> [Int] {
        var complete: [Int] = []
        var bytes = buffer.readableBytesView
        while !bytes.isEmpty {
            if left == 0 {
                let part = bytes.prefix(5 - head.count)
                head += part
                begun += part.count
                bytes = bytes.dropFirst(part.count)
                guard head.count == 5 else { break }
                left = head.dropFirst().reduce(0) { $0 << 8 | Int($1) }
                head = []
            } else {
                let count = min(left, bytes.count)
                left -= count
                begun += count
                bytes = bytes.dropFirst(count)
            }
            if left == 0 {
                complete.append(begun)
                begun = 0
            }
        }
        return complete
    }
}
