import Testing

@testable import DarisConfiguration

@Suite("Spelling")
struct SpellingTests {
    @Test(
        "insertion, deletion, substitution and exchange of neighbours cost 1",
        arguments: [
            ("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("", "abc", 3), ("model", "models", 1), ("rate", "ate", 1),
            ("late", "rate", 1), ("preiod", "period", 1), ("kitten", "sitting", 3),
        ])
    func distance(a: String, b: String, distance: Int) {
        #expect(Spelling.distance(a, b) == distance)
        #expect(Spelling.distance(b, a) == distance)
    }

    @Test("the nearest word is suggested, and none where all are far")
    func nearest() {
        #expect(Spelling.nearest(to: "Preiod", among: ["priority", "period"]) == "period")
        #expect(Spelling.nearest(to: "x", among: ["priority", "period"]) == nil)
        #expect(Spelling.nearest(to: String(repeating: "x", count: 1_000_000), among: ["period"]) == nil)
    }
}
