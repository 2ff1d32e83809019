/// Numbers for people: with useful precision, and never rounded so that their meaning changes.
package enum Figure {
    /// The sign for a missing figure, such as the mean of no times.
    package static let none = "–"

    /// A number with the given decimals; very large ones in powers of ten.
    package static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite else { return none }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let digits = String(Int64(scaled))
        guard decimals > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    /// A time in milliseconds: two decimals below 100, one below 1000, else none.
    package static func milliseconds(_ value: Double) -> String {
        if value > 0, value < 0.005 { return "<0.01" }
        return fixed(value, decimals: value < 99.995 ? 2 : value < 999.95 ? 1 : 0)
    }

    /// A time in nanoseconds, in a unit by its size.
    package static func nanoseconds(_ value: Int64) -> String {
        switch value {
        case ..<1_000: "\(value) ns"
        case ..<1_000_000: fixed(Double(value) / 1e3, decimals: 2) + " µs"
        case ..<1_000_000_000: fixed(Double(value) / 1e6, decimals: 2) + " ms"
        default: fixed(Double(value) / 1e9, decimals: 2) + " s"
        }
    }

    /// A time in seconds: one decimal if it is not whole.
    package static func seconds(_ value: Double) -> String {
        if value > 0, value < 0.05 { return fixed(value * 1e3, decimals: 2) + " ms" }
        return (value == value.rounded() ? fixed(value, decimals: 0) : rate(value)) + " s"
    }

    /// A rate with one decimal, with more if it would look like zero.
    package static func rate(_ value: Double) -> String {
        guard value > 0, value < 0.05 else { return fixed(value, decimals: 1) }
        if value < 0.0005 { return "<0.001" }
        return fixed(value, decimals: value < 0.005 ? 3 : 2)
    }

    /// A fraction in percent, without the sign: one decimal, with more if it would look like none or all.
    package static func percent(_ fraction: Double) -> String {
        let percent = fraction * 100
        guard fraction < 1, percent >= 99.95 else { return rate(percent) }
        if percent >= 99.9995 { return ">99.999" }
        return fixed(percent, decimals: percent >= 99.995 ? 3 : 2)
    }

    /// A count: exact below a limit, then in thousands, millions and more.
    package static func count(_ value: Int, exactBelow limit: UInt = 10_000_000) -> String {
        guard value.magnitude >= max(1_000, limit) else { return "\(value)" }
        let units: [(Double, String)] = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")]
        let size = Double(value.magnitude)
        let (scale, letter) = units.first { size >= $0.0 * 0.99995 } ?? (1e3, "k")
        return fixed(Double(value) / scale, decimals: 1) + letter
    }

    /// A number without needless decimals: 2, 1.5, 2.25.
    package static func plain(_ value: Double) -> String {
        var text = fixed(value, decimals: 3)
        guard text.contains("."), !text.contains("e") else { return text }
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    /// A number with three digits that count: 0.0341, 3.41, 341.
    package static func significant(_ value: Double) -> String {
        var (decimals, scaled) = (0, value.magnitude)
        while scaled > 0, scaled < 99.95, decimals < 9 { (decimals, scaled) = (decimals + 1, scaled * 10) }
        return fixed(value, decimals: decimals)
    }

    /// "1 task", "2 tasks".
    package static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    /// Numbers with ranges: "0–3, 8", in the order given.
    package static func ranges(_ numbers: [Int]) -> String {
        guard !numbers.isEmpty else { return none }
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound < Int.max, last.upperBound + 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" }
            .joined(separator: ", ")
    }
}
