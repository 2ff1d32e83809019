import Testing

@testable import DarisReport

@Suite("Figures")
struct FigureTests {
    @Test("three digits count, however small a number is")
    func significant() {
        #expect(Figure.significant(0.03412) == "0.0341" && Figure.significant(3.412) == "3.41")
        #expect(Figure.significant(341.2) == "341" && Figure.significant(99.97) == "100")
        #expect(Figure.significant(0) == "0" && Figure.significant(1e-12) == "0.000000000")
    }

    @Test(
        "percentages have one decimal and are never rounded to none or all",
        arguments: [
            (0, "0.0"), (1, "100.0"), (0.012, "1.2"), (0.61, "61.0"), (3.0 / 212, "1.4"), (1.0 / 3_000, "0.03"),
            (1.0 / 30_000, "0.003"), (1.0 / 1e9, "<0.001"), (0.999, "99.9"), (0.9996, "99.96"), (0.99996, "99.996"),
            (1 - 1e-9, ">99.999"), (1.25, "125.0"), (1.0004, "100.0"), (.nan, "–"), (.infinity, "–"),
        ] as [(Double, String)])
    func percent(fraction: Double, text: String) {
        #expect(Figure.percent(fraction) == text)
    }

    @Test("no number of misses above zero reads as zero, and none below all as all")
    func honesty() {
        for whole in [1, 2, 3, 7, 212, 999, 1_000, 1_999, 2_000, 2_001, 10_000, 1_000_000, .max] {
            for missed in [1, whole / 2, whole - 1] where missed > 0 && missed < whole {
                let text = Figure.percent(Double(missed) / Double(whole))
                #expect(text.contains { ("1"..."9").contains($0) })
                #expect(!text.hasPrefix("100") || Double(missed) / Double(whole) == 1, "\(missed) of \(whole): \(text)")
            }
        }
    }

    @Test(
        "times are as precise as they are useful",
        arguments: [
            (0, "0.00"), (0.001, "<0.01"), (0.005, "0.01"), (7.6, "7.60"), (99.994, "99.99"), (99.996, "100.0"),
            (123.456, "123.5"), (999.96, "1000"), (86_400_000, "86400000"), (1e18, "1e+18"), (.infinity, "–"),
        ] as [(Double, String)])
    func milliseconds(value: Double, text: String) {
        #expect(Figure.milliseconds(value) == text)
    }

    @Test(
        "short times take the unit that suits them",
        arguments: [
            (0, "0 ns"), (999, "999 ns"), (1_930, "1.93 µs"), (1_204_000, "1.20 ms"), (2_500_000_000, "2.50 s"),
        ] as [(Int64, String)])
    func nanoseconds(value: Int64, text: String) {
        #expect(Figure.nanoseconds(value) == text)
    }

    @Test(
        "counts are exact up to seven digits, then short",
        arguments: [
            (0, "0"), (9_999_999, "9999999"), (10_000_000, "10.0M"), (1_234_000_000, "1.2G"),
            (999_999_999, "1.0G"), (.max, "9.2E"), (-12, "-12"),
        ] as [(Int, String)])
    func count(value: Int, text: String) {
        #expect(Figure.count(value) == text)
    }

    @Test(
        "seconds are whole where they can be",
        arguments: [(0, "0 s"), (10, "10 s"), (10.083, "10.1 s"), (0.01, "10.00 ms"), (1e12, "1000000000000 s")]
            as [(Double, String)])
    func seconds(value: Double, text: String) {
        #expect(Figure.seconds(value) == text)
    }

    @Test(
        "plain numbers have no decimals they do not need",
        arguments: [(2, "2"), (1.5, "1.5"), (2.25, "2.25"), (10, "10")] as [(Double, String)])
    func plain(value: Double, text: String) {
        #expect(Figure.plain(value) == text)
    }

    @Test("negative numbers keep their sign, and zero has none")
    func signs() {
        #expect(Figure.fixed(-1.25, decimals: 1) == "-1.3")
        #expect(Figure.fixed(-0.001, decimals: 2) == "0.00")
    }

    @Test("numbers that follow each other are one range")
    func ranges() {
        #expect(Figure.ranges([]) == "–")
        #expect(Figure.ranges([5]) == "5")
        #expect(Figure.ranges([0, 1, 2, 3, 8, 10, 11]) == "0–3, 8, 10–11")
        #expect(Figure.ranges([Int.max, 3]) == "\(Int.max), 3")
    }
}
