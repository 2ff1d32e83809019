import DarisConfiguration
import DarisCore
import Testing

@Suite("Times, rates and shares")
struct QuantityTests {
    @Test(
        "a time is a number and a unit",
        arguments: [
            ("10 s", 10_000_000_000), ("100ms", 100_000_000), ("500 us", 500_000), ("500 µs", 500_000),
            ("500 \u{3BC}s", 500_000), ("7 ns", 7), ("0.4 ns", 0), ("1 min", 60_000_000_000),
            ("0.5 h", 1_800_000_000_000), ("7 d", 604_800_000_000_000), ("  1.5e3   ms ", 1_500_000_000), ("0 s", 0),
            ("0.1 ms", 100_000), ("33.333333 ms", 33_333_333), ("+1 s", 1_000_000_000),
        ])
    func durations(text: String, nanoseconds: Int64) throws {
        #expect(try Quantity.parseDuration(text) == Nanoseconds(nanoseconds))
    }

    @Test("a time is written in the longest unit that divides it, and reads back exactly")
    func format() throws {
        #expect(Quantity.format(.zero) == "0 s")
        #expect(Quantity.format(.seconds(90 as Int64)) == "90 s")
        #expect(Quantity.format(.seconds(3_600 as Int64)) == "1 h")
        #expect(Quantity.format(.microseconds(1_500)) == "1500 us")
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<1_000 {
            let time = Nanoseconds(.random(in: 0...Limits.duration.upperBound.rawValue, using: &generator))
            #expect(try Quantity.parseDuration(Quantity.format(time)) == time)
        }
    }

    @Test(
        "what is no time is refused",
        arguments: [
            ("10", "'10' has no unit; write for example '100 ms'"),
            ("s", "'s' is not a time; write for example '100 ms'"),
            ("", "'' is not a time; write for example '100 ms'"),
            ("0x10 s", "'0x10 s' is not a time; write for example '100 ms' (units: ns, us, ms, s, min, h, d)"),
            ("1. s", "'1. s' is not a time; write for example '100 ms'"),
            ("10 S", "'10 S' is not a time; write for example '100 ms' (units: ns, us, ms, s, min, h, d)"),
            ("inf s", "'inf s' is not a time; write for example '100 ms'"),
            ("-1 s", "'-1 s' is outside 0 s to 7 d"), ("1e300 s", "'1e300 s' is outside 0 s to 7 d"),
            ("1e999 s", "'1e999 s' is outside 0 s to 7 d"),
        ])
    func notDurations(text: String, message: String) {
        #expect(throws: ConfigurationError(field: "--duration", message: message)) {
            try Quantity.parseDuration(text, field: "--duration")
        }
    }

    @Test(
        "a rate is in hertz unless it says kHz",
        arguments: [("20 Hz", 20), ("20hz", 20), ("0.5 kHz", 500), ("30", 30), ("29.97", 29.97)])
    func rates(text: String, hertz: Double) throws {
        #expect(try Quantity.parseRate(text) == hertz)
    }

    @Test(
        "a share is in per cent or a plain number",
        arguments: [("150 %", 1.5), ("150%", 1.5), ("1.5", 1.5), ("10", 10), ("10000 %", 100), ("1 %", 0.01)])
    func shares(text: String, ratio: Double) throws {
        #expect(try Quantity.parseShare(text) == ratio)
    }

    @Test("a share is written in per cent, and reads back exactly")
    func formatShares() throws {
        func written(_ load: Double) throws -> String? {
            var set = try TaskSet.parse(text(), file: "t.yaml")
            set.load = load
            return set.rendered().split(separator: "\n").first { $0.hasPrefix("load") }.map(String.init)
        }
        #expect(try written(1.5) == "load: 150 %")
        #expect(try written(1.1) == "load: 110 %")
        #expect(try written(0.07) == "load: 7 %")
        #expect(try written(0.075) == "load: 7.5 %")
        #expect(try written(100) == "load: 10000 %")
        #expect(try written(77.43997125841896) == "load: 7743.997125841896 %")
    }

    @Test("an error for an option is the option and the message, with no file")
    func options() {
        let error = #expect(throws: ConfigurationError.self) { try Quantity.parseShare("0 %", field: "--load") }
        #expect(error?.description == "--load: '0 %' is outside 1 % to 10000 %")
        let rate = #expect(throws: ConfigurationError.self) { try Quantity.parseRate("fast") }
        #expect(rate?.description == "'fast' is not a rate; write for example '20 Hz'")
    }
}
