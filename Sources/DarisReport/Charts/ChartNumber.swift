/// Numbers in charts: the same text for the same number on every machine.
enum ChartNumber {
    /// From this magnitude on, numbers are written in powers of ten.
    static let large = 1e7

    /// The power of ten, from 1e-323 to 1e308; the nearest `Double` to it.
    static func power(_ exponent: Int) -> Double {
        Double("1e\(exponent)") ?? .infinity
    }

    /// The largest power of ten that is not above a positive finite number.
    static func exponent(of magnitude: Double) -> Int {
        precondition(magnitude > 0 && magnitude.isFinite, "only positive finite numbers have a power of ten")
        let estimate = Int((Double(magnitude.exponent) * 0.301_029_995_663_981_2).rounded(.down))
        return estimate < 308 && power(estimate + 1) <= magnitude ? estimate + 1 : estimate
    }

    /// A number as a person wants to read it when asking for it: at most three decimals, or four digits and a power.
    static func exact(_ value: Double) -> String {
        let isPlain = value == 0 || (value.magnitude >= 0.001 && value.magnitude < large)
        return isPlain ? Figure.plain(value) : scientific(value, decimals: 3)
    }

    /// A number at the end of a bar: with so many decimals, with more if it would look like zero.
    static func short(_ value: Double, decimals: Int) -> String {
        if value == 0 { return "0" }
        guard value.magnitude < large else { return scientific(value, decimals: 2) }
        let text = Figure.fixed(value, decimals: decimals)
        guard !text.contains(where: { ("1"..."9").contains($0) }) else { return text }
        let exponent = exponent(of: value.magnitude)
        return exponent >= -4 ? Figure.fixed(value, decimals: -exponent) : scientific(value, decimals: 0)
    }

    /// The decimals that suit numbers up to this magnitude: about three digits, none if all are whole.
    static func decimals(for values: [Double]) -> Int {
        guard !values.allSatisfy({ $0 == $0.rounded() }) else { return 0 }
        let largest = values.reduce(0) { max($0, $1.magnitude) }
        return largest >= 100 ? 0 : largest >= 10 ? 1 : 2
    }

    /// 1.25e9.
    static func scientific(_ value: Double, decimals: Int) -> String {
        guard value.isFinite, value.magnitude > 1e-290 else { return value == 0 ? "0" : "\(value)" }
        let exponent = exponent(of: value.magnitude)
        var text = Figure.fixed(value / power(exponent), decimals: decimals)
        guard text.hasPrefix("10") || text.hasPrefix("-10") else { return text + "e\(exponent)" }
        // 9.999 was rounded to 10.00.
        text = Figure.fixed(value < 0 ? -1 : 1, decimals: decimals)
        return text + "e\(exponent + 1)"
    }
}
