import DarisCore

/// Draws changed inputs from a corpus, without knowing what they are.
struct Mutator {
    private static let longest = 1 << 16
    private static let numbers = [
        "0", "-1", "1", "255", "65536", "2147483648", "4294967295", "9223372036854775807", "-9223372036854775808",
        "18446744073709551615", "1e308", "1e-308", "1e999", "0.1",
    ].map { Array($0.utf8) }

    private var generator: SplitMix64
    private let words: [[UInt8]]

    /// - Parameter words: what inputs of this kind hold.
    init(seed: UInt64, words: [[UInt8]]) {
        generator = SplitMix64(seed: seed)
        self.words = words
    }

    /// One of the inputs with one to eight changes.
    mutating func mutation(of inputs: [[UInt8]]) -> [UInt8] {
        var bytes = inputs[below(inputs.count)]
        for _ in 0...below(8) { change(&bytes, inputs) }
        return Array(bytes.prefix(Self.longest))
    }

    private mutating func change(_ bytes: inout [UInt8], _ inputs: [[UInt8]]) {
        let place = below(bytes.count + 1)
        let length = below(min(bytes.count - place, 1 << below(8)) + 1)
        let part = place..<place + length
        switch below(9) {
        case 0: bytes.replaceSubrange(part, with: [])
        case 1: bytes.insert(contentsOf: Array(bytes[part]), at: below(bytes.count + 1))
        case 2: bytes.insert(UInt8(below(256)), at: place)
        case 3 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
        case 4 where place < bytes.count: bytes[place] = UInt8(below(256))
        case 5 where !words.isEmpty:
            bytes.replaceSubrange(place..<place + min(length, below(2) * length), with: words[below(words.count)])
        case 6: replaceNumber(&bytes, from: place)
        case 7:
            let other = inputs[below(inputs.count)]
            let start = below(other.count + 1)
            bytes.replaceSubrange(part, with: other[start..<start + below(other.count - start + 1)])
        default: bytes.replaceSubrange(place..., with: bytes[place...].prefix(below(64)))
        }
    }

    /// Puts another number in the place of the next one in digits.
    private mutating func replaceNumber(_ bytes: inout [UInt8], from place: Int) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let start = bytes[place...].firstIndex(where: digits.contains) else { return }
        let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: Self.numbers[below(Self.numbers.count)])
    }

    private mutating func below(_ bound: Int) -> Int { Int(generator.next() % UInt64(bound)) }
}
