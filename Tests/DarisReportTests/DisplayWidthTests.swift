import Testing

@testable import DarisReport

@Suite("Widths on a terminal")
struct DisplayWidthTests {
    @Test(
        "each character takes the columns that terminals give it",
        arguments: [
            ("", 0), ("front", 5), ("τᵢ", 2), ("3 µs × 2 …", 10), ("é", 1), ("e\u{301}", 1), ("模型", 4), ("한글", 4),
            ("ｆｕ", 4), ("🚗", 2), ("👩‍🔬", 2), ("❤️", 2), ("❤", 1), ("🇫🇷", 2), ("─│", 2), ("\u{200B}", 0),
        ] as [(String, Int)])
    func columns(text: String, width: Int) {
        #expect(text.displayWidth == width)
    }

    @Test("a text that fits is unchanged; another has … for its end, or before its tail")
    func truncation() {
        #expect("front".truncated(to: 5) == "front")
        #expect("front".truncated(to: 4) == "fro…")
        #expect("模型".truncated(to: 3) == "模…")
        #expect("模型a".truncated(to: 4) == "模…")
        #expect("front".truncated(to: 1) == "…")
        #expect("front".truncated(to: 0) == "")
        #expect("camera-left-12".truncated(to: 9, tail: 3) == "camer…-12")
        #expect("abc模型".truncated(to: 5, tail: 3) == "ab…型")
        #expect("front".truncated(to: 1, tail: 3) == "…")
    }

    @Test("a name cannot control the terminal")
    func controlCharacters() {
        #expect("a\u{1B}[2Jb\nc\td\u{202E}e\u{7F}".printable == "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FFFD}")
        #expect("a\r\nb".printable == "a\u{FFFD}\u{FFFD}b")
        #expect("模型 👩‍🔬 é".printable == "模型 👩‍🔬 é")
    }

    @Test("text is broken at spaces, and words longer than a line anywhere")
    func wrapping() {
        #expect("one two three".wrapped(to: 7, indent: 2) == ["one two", "  three"])
        #expect("one two".wrapped(to: 7) == ["one two"])
        #expect("abcdefghij".wrapped(to: 4, indent: 1) == ["abcd", " efg", " hij"])
        #expect("a bcdefgh".wrapped(to: 4) == ["a", "bcde", "fgh"])
        #expect("".wrapped().isEmpty)
        #expect("   ".wrapped().isEmpty)
    }

    @Test("no wrapped line is too wide, and no word is lost", arguments: 0..<50 as Range<UInt64>)
    func wrappingOfAnything(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("abcτ模 🚗   -")
        let text = String(
            (0..<Int.random(in: 0...300, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! })
        let width = Int.random(in: 6...60, using: &generator)
        let lines = text.wrapped(to: width, indent: Int.random(in: 0...3, using: &generator))
        for line in lines {
            #expect(line.displayWidth <= width)
            #expect(!line.hasSuffix(" "))
        }
        #expect(lines.joined().filter { $0 != " " } == text.filter { $0 != " " })
    }
}
