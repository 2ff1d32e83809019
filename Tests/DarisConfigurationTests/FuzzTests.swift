import Testing

@testable import DarisConfiguration

@Suite("Fuzzing")
struct FuzzTests {
    private static let seedText =
        exampleText + """

            scheduler: {policy: daris, window: 5, wcet: false, staging: true}
            """

    @Test("2,000 mutations of a valid file are read or refused, and never crash")
    func mutations() {
        var generator = SeededGenerator(seed: 2504_08795)
        let original = Array(FuzzTests.seedText.utf8)
        let pieces = [
            "&a ", "*a", "[", "]", "{", "}", "'", "\"", ": ", "- ", "#", "\t", "\n", "---\n", "|\n", "? ", "é",
        ]
        var read = 0
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<7, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes[place] = UInt8.random(in: 32...126, using: &generator)
                case 2: bytes.remove(at: place)
                case 3, 4:
                    // A digit for a digit, which often leaves the file valid.
                    let digits = bytes.indices.filter { (48...57).contains(bytes[$0]) }
                    if let place = digits.randomElement(using: &generator) {
                        bytes[place] = UInt8.random(in: 48...57, using: &generator)
                    }
                case 5: bytes.insert(contentsOf: pieces.randomElement(using: &generator)!.utf8, at: place)
                default:
                    let end = min(bytes.count, place + Int.random(in: 1...40, using: &generator))
                    bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0..<bytes.count, using: &generator))
                }
            }
            do throws(ConfigurationError) {
                let set = try TaskSet.parse(bytes, file: "t.yaml")
                read += 1
                // Whatever was understood can be written down and understood again.
                let again = try? TaskSet.parse(set.rendered(), file: "t.yaml")
                #expect(again == set)
            } catch {
                refused += 1
                let namesFile = error.description.hasPrefix("t.yaml")
                #expect(namesFile, "\(error)")
                let isOneLine = !error.description.contains(where: \.isNewline)
                #expect(isOneLine, "\(error)")
            }
        }
        // Both must happen often, or the mutations test nothing.
        #expect(read > 100 && refused > 1_000, "\(read) read, \(refused) refused")
    }
}
