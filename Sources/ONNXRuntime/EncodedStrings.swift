/// Strings as one array of bytes: each with its length before it, in 4 bytes, little-endian.
///
/// Daris passes tensors of strings in this form outside ONNX Runtime. A string is any bytes, mostly UTF-8; it may be
/// empty and may hold zeros.
///
/// ```swift
/// let bytes = EncodedStrings.encode(["one".utf8, "".utf8])  // 3 0 0 0 o n e 0 0 0 0
/// EncodedStrings.decode(bytes)  // [[111, 110, 101], []]
/// ```
package enum EncodedStrings {
    static let lengthBytes = MemoryLayout<UInt32>.size

    /// The bytes of strings.
    ///
    /// - Precondition: each string is shorter than 4 GiB.
    package static func encode(_ strings: some Sequence<some Collection<UInt8>>) -> [UInt8] {
        var bytes: [UInt8] = []
        for string in strings {
            withUnsafeBytes(of: UInt32(string.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: string)
        }
        return bytes
    }

    /// The strings, or `nil` if a length reaches beyond the end.
    package static func decode(_ bytes: [UInt8]) -> [[UInt8]]? {
        bytes.withUnsafeBytes { source in
            var strings: [[UInt8]] = []
            return forEach(in: source) { strings.append(Array($0)) } ? strings : nil
        }
    }

    /// The number of strings, or `nil` if a length reaches beyond the end.
    package static func count(_ bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBytes { source in
            var count = 0
            return forEach(in: source) { _ in count += 1 } ? count : nil
        }
    }

    /// Calls `body` with each string, as far as the lengths fit.
    ///
    /// - Returns: whether all do.
    package static func forEach<Failure: Error>(
        in bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.count >= lengthBytes else { return false }
            let length = UInt32(littleEndian: UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: UInt32.self))
            rest = rest.dropFirst(lengthBytes)
            guard length <= rest.count else { return false }
            try body(UnsafeRawBufferPointer(rebasing: rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        return true
    }
}
