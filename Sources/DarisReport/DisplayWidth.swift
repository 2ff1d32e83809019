extension Character {
    /// The columns of this character on a terminal: 0, 1 or 2.
    ///
    /// East Asian wide and full-width characters and emoji take two columns; combining marks and invisible characters
    /// take none. Characters whose width is ambiguous in Unicode (τ, µ, ×, …) take one, as on terminals outside East
    /// Asian locales.
    var displayWidth: Int {
        guard let first = unicodeScalars.first else { return 0 }
        if first.value < 0x7F { return first.value < 0x20 ? 0 : 1 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .control, .format, .lineSeparator, .paragraphSeparator: return 0
        default: break
        }
        if first.properties.isEmojiPresentation || first.isWide { return 2 }
        // Variation selector 16 makes a character an emoji.
        return unicodeScalars.contains("\u{FE0F}") && first.properties.isEmoji ? 2 : 1
    }
}

extension Unicode.Scalar {
    /// East_Asian_Width W or F (Unicode 16, in blocks), emoji apart.
    fileprivate var isWide: Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60,
            0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}

extension Sequence<Character> {
    /// The longest prefix of at most `columns` columns.
    fileprivate func prefix(columns: Int) -> String {
        var result = ""
        var used = 0
        for character in self {
            used += character.displayWidth
            if used > columns { break }
            result.append(character)
        }
        return result
    }
}

extension String {
    /// The columns of this text on a terminal, if it has no control characters.
    var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

    /// This text with � for every character that could move the cursor, or hide or reverse other text. Names and
    /// messages come from files and devices, and must not control the terminal.
    package var printable: String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: result.append("\u{FFFD}")
            // Zero-width joiners make emoji; all other format characters can deceive.
            case .format where scalar != "\u{200D}": result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// This text in at most `width` columns, with … for the part left out: the end, or the part before the last `tail`
    /// columns.
    func truncated(to width: Int, tail: Int = 0) -> String {
        guard displayWidth > width else { return self }
        guard width > 0 else { return "" }
        let end = String(reversed().prefix(columns: min(tail, width - 1)).reversed())
        return prefix(columns: width - 1 - end.displayWidth) + "…" + end
    }

    /// This text broken at spaces into lines of at most `width` columns, all but the first indented by `indent`. Words
    /// longer than a line are broken anywhere.
    func wrapped(to width: Int = TextTable.pageWidth, indent: Int = 0) -> [String] {
        precondition(indent + 2 <= width, "an indent of \(indent) leaves no room in \(width) columns")
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        var used = 0
        func breakLine() {
            lines.append(line)
            line = margin
            used = indent
        }
        for word in split(separator: " ") {
            let length = String(word).displayWidth
            let isStart = line.isEmpty || line == margin
            if !isStart, used + 1 + length > width { breakLine() }
            if !line.isEmpty, line != margin {
                line += " "
                used += 1
            }
            for character in word {
                if used + character.displayWidth > width { breakLine() }
                line.append(character)
                used += character.displayWidth
            }
        }
        return line.isEmpty || line == margin ? lines : lines + [line]
    }

    /// This text in lines beside a label of `columns` columns.
    func labelled(_ label: String, columns: Int = 12) -> [String] {
        wrapped(to: TextTable.pageWidth - columns).enumerated().map { number, line in
            let margin = number == 0 ? label : ""
            return margin + String(repeating: " ", count: max(1, columns - margin.displayWidth)) + line
        }
    }
}
