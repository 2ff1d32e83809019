import ONNXRuntime

/// What the bytes of an input or output must be.
package enum TensorSize: Hashable, Sendable {
    /// Always so many.
    case bytes(Int)
    /// So many strings, as ``EncodedStrings`` has them, of at most `limit` bytes together, their lengths included.
    case strings(count: Int, limit: Int = largestStrings)

    /// The most bytes that the strings of one input may have together, their lengths included, where all is one process.
    package static let largestStrings = 64 << 20

    init(_ tensor: Tensor) {
        self = tensor.elementType == .string ? .strings(count: tensor.elementCount) : .bytes(tensor.byteCount)
    }

    /// The number of bytes, or `nil` if it is not fixed.
    package var byteCount: Int? {
        if case .bytes(let count) = self { count } else { nil }
    }

    /// Why these bytes are none of such an input, in words that follow its name; `nil` if they are.
    func problem(of bytes: [UInt8]) -> String? {
        switch self {
        case .bytes(let count):
            return bytes.count == count ? nil : "has \(count) bytes, not \(bytes.count)"
        case .strings(let count, let limit):
            guard bytes.count <= limit else {
                return "has \(bytes.count) bytes of strings; \(limit) are the most"
                    + (limit < Self.largestStrings ? " under 'isolation: process'" : "")
            }
            guard let found = EncodedStrings.count(bytes) else {
                return "breaks off within a string: each has its length before it, in 4 bytes, little-endian"
            }
            return found == count ? nil : "has \(count) strings, not \(found)"
        }
    }
}
