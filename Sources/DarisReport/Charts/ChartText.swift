/// The sizes of text in a chart, with an estimate of its width.
///
/// The reader's font is unknown. Widths are those of a wide one (DejaVu Sans), so that text that fits by this estimate
/// fits everywhere.
enum ChartFont: String, CaseIterable {
    case title, subtitle, heading, category, label

    /// The size in pixels.
    var size: Double {
        switch self {
        case .title: 17
        case .subtitle: 13
        case .heading, .category: 12
        case .label: 11
        }
    }

    var isBold: Bool { self == .title || self == .heading }

    /// The height of text above its base line.
    var ascent: Double { size * 0.8 }
    /// The depth of text below its base line.
    var descent: Double { size * 0.24 }

    /// An upper bound of a text's width in pixels, with � for each character that is not printable.
    func width(of text: String) -> Double { text.printable.reduce(0) { $0 + width(of: $1) } }

    private func width(of character: Character) -> Double { Self.ems(character) * size * (isBold ? 1.13 : 1) }

    /// The text in at most `width` pixels, with … for the part left out: the end, or the part before a tail that takes
    /// a share of the width, since names often differ at their ends only.
    func truncated(_ text: String, to width: Double, tail: Double = 0) -> String {
        guard self.width(of: text) > width else { return text }
        let text = text.printable
        let room = width - self.width(of: "…")
        guard room >= 0 else { return "" }
        let end = String(prefix(of: text.reversed(), in: room * tail).reversed())
        return prefix(of: text, in: room - self.width(of: end)) + "…" + end
    }

    /// The text broken at spaces into at most `limit` lines, with … for what does not fit.
    func lines(of text: String, width: Double, limit: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            let longer = line.isEmpty ? String(word) : line + " " + word
            if line.isEmpty || lines.count + 1 >= limit || self.width(of: longer) <= width {
                line = longer
            } else {
                lines.append(line)
                line = String(word)
            }
        }
        if !line.isEmpty { lines.append(line) }
        return lines.map { truncated($0, to: width) }
    }

    private func prefix(of characters: some Sequence<Character>, in width: Double) -> String {
        var result = ""
        var used = 0.0
        for character in characters {
            used += self.width(of: character)
            if used > width { break }
            result.append(character)
        }
        return result
    }

    private static func ems(_ character: Character) -> Double {
        switch character {
        case " ", ".", ",", ":", ";", "'", "|", "!", "i", "j", "l", "I": 0.36
        case "f", "t", "r", "(", ")", "[", "]", "/", "\\", "-", "J": 0.42
        case "m", "w", "M", "W", "@", "%", "…", "—": 1
        case "a"..."z", "0"..."9", "_": 0.64
        default:
            switch character.displayWidth {
            case 0: 0
            case 1: 0.85
            default: 1.35
            }
        }
    }
}

/// Numbers in charts: the same text for the same number on every machine.
enum ChartNumber {
    /// The magnitude from which numbers are written in powers of ten.
    static let large = 1e7

    /// The power of ten, from 1e-323 to 1e308, as the nearest `Double`.
    static func power(_ exponent: Int) -> Double {
        Double("1e\(exponent)") ?? .infinity
    }

    /// The largest power of ten that is not above a positive finite number.
    static func exponent(of magnitude: Double) -> Int {
        precondition(magnitude > 0 && magnitude.isFinite, "only positive finite numbers have a power of ten")
        let estimate = Int((Double(magnitude.exponent) * 0.301_029_995_663_981_2).rounded(.down))
        return estimate < 308 && power(estimate + 1) <= magnitude ? estimate + 1 : estimate
    }

    /// A number in a tool tip: with at most three decimals, or with four digits and a power of ten.
    static func exact(_ value: Double) -> String {
        let isPlain = value == 0 || (value.magnitude >= 0.001 && value.magnitude < large)
        return isPlain ? Figure.plain(value) : scientific(value, decimals: 3)
    }

    /// A number at the end of a bar: with the given decimals, or with more if it would look like zero.
    static func short(_ value: Double, decimals: Int) -> String {
        if value == 0 { return "0" }
        guard value.magnitude < large else { return scientific(value, decimals: 2) }
        let text = Figure.fixed(value, decimals: decimals)
        guard !text.contains(where: { ("1"..."9").contains($0) }) else { return text }
        let exponent = exponent(of: value.magnitude)
        return exponent >= -4 ? Figure.fixed(value, decimals: -exponent) : scientific(value, decimals: 0)
    }

    /// The number of decimals for values of this magnitude: about three digits in all, no decimals if all are whole.
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
