/// The sizes of text in a chart, and how wide text in them will be.
///
/// Nobody knows which font a reader has. Widths are those of a wide one (DejaVu Sans), so that text which has room by
/// this estimate has room everywhere.
enum ChartFont: String, CaseIterable {
    case title, subtitle, heading, category, label

    /// Pixels at natural size.
    var size: Double {
        switch self {
        case .title: 17
        case .subtitle: 13
        case .heading, .category: 12
        case .label: 11
        }
    }

    var isBold: Bool { self == .title || self == .heading }

    /// How far text reaches above its base line.
    var ascent: Double { size * 0.8 }
    /// How far text reaches below its base line.
    var descent: Double { size * 0.24 }

    /// The most pixels that a text will take as it is written, with � for each character that is not printable.
    func width(of text: String) -> Double { text.printable.reduce(0) { $0 + width(of: $1) } }

    private func width(of character: Character) -> Double { Self.ems(character) * size * (isBold ? 1.13 : 1) }

    /// The text in at most so many pixels, with … in place of what had to go: the end, or, if a share of the width is
    /// kept for the tail, what comes before it, as names often differ at their ends only.
    func truncated(_ text: String, to width: Double, tail: Double = 0) -> String {
        guard self.width(of: text) > width else { return text }
        let text = text.printable
        let room = width - self.width(of: "…")
        guard room >= 0 else { return "" }
        let end = String(prefix(of: text.reversed(), in: room * tail).reversed())
        return prefix(of: text, in: room - self.width(of: end)) + "…" + end
    }

    /// The text broken at spaces into at most so many lines; what does not fit gives way to ….
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
