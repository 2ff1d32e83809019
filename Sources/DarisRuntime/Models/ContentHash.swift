import Foundation

/// A 64-bit fingerprint of bytes (FNV-1a over words of eight bytes), to name cached files by. It tells models apart; it
/// does not protect from anybody who wants two of them to look alike.
struct ContentHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let words = bytes.count / 8
        for index in 0..<words {
            mix(bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        for index in words * 8..<bytes.count { mix(UInt64(bytes[index])) }
        mix(UInt64(bytes.count))
    }

    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    private mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x0000_0100_0000_01b3
        value ^= value >> 29
    }

    /// The fingerprint in 16 hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func of(_ data: Data) -> String {
        var hash = ContentHash()
        data.withUnsafeBytes { hash.add($0) }
        return hash.text
    }

    static func of(_ parts: String...) -> String {
        var hash = ContentHash()
        for part in parts { hash.add(part) }
        return hash.text
    }
}
