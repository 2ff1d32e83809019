import DarisCore

/// Times, rates and shares as people write them: `100 ms`, `20 Hz`, `150 %`.
///
/// The command line reads its options with the same functions as the files are read with:
///
/// ```swift
/// overrides.duration = try Quantity.parseDuration("10 s", field: "--duration")
/// ```
package enum Quantity {
    /// The units of time, longest first, with their nanoseconds. A time is written in the first that divides it.
    private static let timeUnits: [(names: [String], nanoseconds: Int64)] = [
        (["d"], 86_400_000_000_000), (["h"], 3_600_000_000_000), (["min"], 60_000_000_000), (["s"], 1_000_000_000),
        (["ms"], 1_000_000), (["us", "µs", "μs"], 1_000), (["ns"], 1),
    ]

    /// Reads a time such as `100 ms`, `2 s`, `500 us`, `0.5 min`; the unit is required.
    ///
    /// - Parameters:
    ///   - text: A number and one of the units ns, us (µs), ms, s, min, h, d.
    ///   - field: What the value is for, to stand in the error.
    ///   - range: The times allowed; without it, up to 7 days.
    /// - Returns: The time, rounded to the nearest nanosecond.
    package static func parseDuration(
        _ text: String, field: String = "", in range: ClosedRange<Nanoseconds>? = nil
    ) throws(ConfigurationError) -> Nanoseconds {
        try duration(text, plainUnit: "", field: field, in: range ?? Nanoseconds.zero...Limits.duration.upperBound)
    }

    /// Reads a time from the start of a run as `parseDuration` does, or a plain number, which means seconds.
    static func parseInstant(
        _ text: String, in range: ClosedRange<Nanoseconds>
    ) throws(ConfigurationError) -> Nanoseconds {
        try duration(text, plainUnit: "s", field: "", in: range)
    }

    private static func duration(
        _ text: String, plainUnit: String, field: String, in range: ClosedRange<Nanoseconds>
    ) throws(ConfigurationError) -> Nanoseconds {
        guard let (number, written) = split(text) else {
            throw ConfigurationError(
                field: field, message: "\(text.quoted) is not a time; write for example '100 ms'")
        }
        let unit = written.isEmpty ? plainUnit : written
        guard !unit.isEmpty else {
            throw ConfigurationError(
                field: field, message: "\(text.quoted) has no unit; write for example '100 ms'")
        }
        guard let known = timeUnits.first(where: { $0.names.contains(unit) }) else {
            throw ConfigurationError(
                field: field,
                message: "\(text.quoted) is not a time; write for example '100 ms' (units: ns, us, ms, s, min, h, d)")
        }
        let nanoseconds = (number.value * Double(known.nanoseconds)).rounded()
        // The bounds fit a Double exactly, so a value inside them converts without loss of range.
        guard nanoseconds >= Double(range.lowerBound.rawValue), nanoseconds <= Double(range.upperBound.rawValue) else {
            throw ConfigurationError(
                field: field,
                message: "\(text.quoted) is outside \(format(range.lowerBound)) to \(format(range.upperBound))")
        }
        return Nanoseconds(Int64(nanoseconds))
    }

    /// Reads a rate such as `20 Hz`, `0.5 kHz` or plain `20`, which means hertz.
    ///
    /// - Returns: The rate in hertz, from 1/3600 to 100,000, so that its period is one a task may have.
    package static func parseRate(_ text: String, field: String = "") throws(ConfigurationError) -> Double {
        guard let (number, unit) = split(text), ["", "hz", "khz"].contains(unit.lowercased()) else {
            throw ConfigurationError(
                field: field, message: "\(text.quoted) is not a rate; write for example '20 Hz'")
        }
        let hertz = unit.lowercased() == "khz" ? number.value * 1_000 : number.value
        guard hertz > 0, hertz <= 100_000, (1e9 / hertz).rounded() <= Double(Limits.period.upperBound.rawValue) else {
            throw ConfigurationError(field: field, message: "\(text.quoted) is outside 1/3600 Hz to 100 kHz")
        }
        return hertz
    }

    /// Reads a part of a whole such as `2 %` or plain `0.02`, from 0 to 1.
    package static func parseFraction(_ text: String, field: String = "") throws(ConfigurationError) -> Double {
        guard let (number, unit) = split(text), ["", "%"].contains(unit) else {
            throw ConfigurationError(
                field: field, message: "\(text.quoted) is not a part of a whole; write for example '2 %'")
        }
        let fraction = unit == "%" ? number.hundredth : number.value
        guard (0...1).contains(fraction) else {
            throw ConfigurationError(field: field, message: "\(text.quoted) is outside 0 % to 100 %")
        }
        return fraction
    }

    /// Reads a share such as `150 %`, `150%` or plain `1.5`, which means the same.
    ///
    /// A plain number above 10 is refused: `50` without the sign is more likely meant as 50 % than as 5000 %.
    ///
    /// - Returns: The share as a ratio, 1.5 for 150 %, from 0.01 to 100.
    package static func parseShare(_ text: String, field: String = "") throws(ConfigurationError) -> Double {
        guard let (number, unit) = split(text), ["", "%"].contains(unit) else {
            throw ConfigurationError(
                field: field, message: "\(text.quoted) is not a share; write for example '150 %'")
        }
        if unit.isEmpty && number.value > 10 {
            throw ConfigurationError(
                field: field,
                message: "\(text.quoted) may mean per cent or times; write it with '%', or as a plain number up to 10")
        }
        let ratio = unit == "%" ? number.hundredth : number.value
        guard Limits.load.contains(ratio) else {
            throw ConfigurationError(field: field, message: "\(text.quoted) is outside 1 % to 10000 %")
        }
        return ratio
    }

    /// A time in the longest unit that writes it as a whole number, so that `parseDuration` gives it back exactly.
    package static func format(_ time: Nanoseconds) -> String {
        if time == .zero { return "0 s" }
        for (names, nanoseconds) in timeUnits where time.rawValue.isMultiple(of: nanoseconds) {
            return "\(time.rawValue / nanoseconds) \(names[0])"
        }
        return "\(time.rawValue) ns"
    }

    /// A ratio as `150 %`, with as many digits as `parseShare` needs to give exactly the same ratio back.
    static func formatShare(_ ratio: Double) -> String {
        let text = "\(ratio)"
        guard let point = text.firstIndex(of: "."), text.allSatisfy({ "0123456789.".contains($0) }) else {
            return formatNumber(ratio)
        }
        // The point moves in the text, since multiplying by 100 would round.
        let fraction = text[text.index(after: point)...]
        let padded = fraction + String(repeating: "0", count: max(0, 2 - fraction.count))
        let whole = (text[..<point] + padded.prefix(2)).drop { $0 == "0" }
        let rest = padded.dropFirst(2)
        return "\(whole.isEmpty ? "0" : whole)\(rest.isEmpty ? "" : ".\(rest)") %"
    }

    /// A number without a needless fraction: `2`, not `2.0`.
    package static func formatNumber(_ number: Double) -> String {
        let text = "\(number)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// A plain decimal number, or `nil` for anything else, hexadecimal, NaN and infinity in words included.
    static func number(_ text: String) -> Double? {
        guard let (number, unit) = split(text), unit.isEmpty else { return nil }
        return number.value
    }

    /// Splits `12.5e3 unit` in number and unit; `nil` if it does not begin with a decimal number.
    private static func split(_ text: String) -> (number: Decimal, unit: String)? {
        let bytes = Array(text.utf8)
        var end = bytes.startIndex
        func digits() -> Bool {
            let start = end
            while end < bytes.endIndex, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[end]) { end += 1 }
            return end > start
        }
        func skip(_ characters: String) -> Bool {
            guard end < bytes.endIndex, characters.utf8.contains(bytes[end]) else { return false }
            end += 1
            return true
        }
        func blanks() { while skip(" ") {} }

        blanks()
        let start = end
        _ = skip("+-")
        guard digits() else { return nil }
        if skip("."), !digits() { return nil }
        let endOfMantissa = end
        if skip("eE") {
            _ = skip("+-")
            if !digits() { end = endOfMantissa }
        }
        let number = Decimal(
            mantissa: String(decoding: bytes[start..<endOfMantissa], as: UTF8.self),
            exponent: String(decoding: bytes[endOfMantissa..<end].dropFirst(), as: UTF8.self))
        blanks()
        var unit = bytes[end...]
        while unit.last == UInt8(ascii: " ") { unit.removeLast() }
        return (number, String(decoding: unit, as: UTF8.self))
    }
}

/// A decimal number as it was written, so that a per cent sign moves its point without rounding twice.
private struct Decimal {
    /// Digits with an optional sign and point.
    let mantissa: String
    /// The power of ten, with an optional sign; empty if none was written.
    let exponent: String

    /// The nearest `Double`; infinite beyond its range.
    var value: Double { Double(exponent.isEmpty ? mantissa : "\(mantissa)e\(exponent)") ?? .nan }

    /// The `Double` nearest to a hundredth of the number.
    var hundredth: Double {
        guard let power = exponent.isEmpty ? 0 : Int16(exponent) else { return value / 100 }
        return Double("\(mantissa)e\(Int(power) - 2)") ?? .nan
    }
}
