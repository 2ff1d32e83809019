import Testing

@testable import DarisReport

@Suite("Tables")
struct TextTableTests {
    @Test("text stands at the left, numbers at the right, and the rule shows the columns")
    func layout() {
        var table = TextTable([.text("task"), .number("period ms"), .text("model")])
        table.append(["front", "33.33", "resnet18"])
        table.append(["模型", "100.0", "u"])
        #expect(
            table.text(styling: .plain) == """
                task   period ms  model
                ─────  ─────────  ────────
                front      33.33  resnet18
                模型       100.0  u
                """)
    }

    @Test("a table without rows is a header and a rule")
    func noRows() {
        #expect(TextTable([.text("task")], indent: 2).lines(styling: .plain) == ["  task", "  ────"])
    }

    @Test("long text is shortened where the table is too wide, longest first, and numbers are kept")
    func shortening() {
        var table = TextTable([.text("task"), .text("model"), .number("count")], limit: 24)
        table.append(["a-very-long-task-name", "resnet18", "123456"])
        #expect(table.lines(styling: .plain).last == "a-ve…me  resn…18  123456")
    }

    @Test("numbers are shortened, visibly, only when text cannot be")
    func shorteningNumbers() {
        var table = TextTable([.text("task"), .number("n")], limit: 16)
        table.append(["abcdefghij", "123456789"])
        #expect(table.lines(styling: .plain).last == "abc…ij  1234567…")
    }

    @Test("colours are optional, and do not change the layout")
    func styling() {
        var table = TextTable([.text("task"), .number("n")])
        table.append(["front", "1"])
        let styled = table.text(styling: .ansi)
        let stripped = styled.replacing(#/\u{1B}\[[0-9]+m/#, with: "")
        #expect(styled != stripped)
        #expect(stripped == table.text(styling: .plain))
        #expect(!table.text(styling: .plain).contains("\u{1B}"))
    }

    @Test("a cell cannot break out of its row")
    func controlCharacters() {
        var table = TextTable([.text("task")])
        table.append(["a\nb\u{1B}[31m"])
        #expect(table.lines(styling: .plain).count == 3)
        #expect(table.text(styling: .plain).filter { $0 == "\u{FFFD}" }.count == 2)
    }

    @Test("any table is aligned, fits and has no trailing spaces", arguments: 0..<200 as Range<UInt64>)
    func alignment(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("abcdefgτµ×é模型🚗 -…")
        func cell(_ longest: Int) -> String {
            String(
                (0..<Int.random(in: 0...longest, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator)!
                })
        }
        let numeric = (0..<Int.random(in: 1...9, using: &generator)).map { _ in Bool.random(using: &generator) }
        let columns = numeric.map { $0 ? TextTable.Column.number(cell(12)) : .text(cell(12)) }
        let limit = Int.random(in: 30...120, using: &generator)
        var table = TextTable(columns, indent: Int.random(in: 0...3, using: &generator), limit: limit)
        let cells = (0..<Int.random(in: 0...8, using: &generator)).map { _ in numeric.map { _ in cell(40) } }
        for row in cells { table.append(row) }

        let lines = table.lines(styling: .plain)
        #expect(lines.count == cells.count + 2)
        let spans = Self.spans(of: lines[1])
        #expect(spans.count == columns.count)
        for (line, expected) in zip([lines[0]] + lines[2...], [columns.map(\.title)] + cells) {
            #expect(line.displayWidth <= lines[1].displayWidth)
            #expect(lines[1].displayWidth <= limit)
            #expect(!line.hasSuffix(" "))
            // Padded to the rule, every row is as wide as the rule, and each cell fills the span of its column.
            let padded = Self.columns(of: line, width: lines[1].displayWidth)
            #expect(padded.count == lines[1].displayWidth)
            for (index, span) in spans.enumerated() {
                let cell = expected[index].truncated(to: span.count, tail: numeric[index] ? 0 : span.count / 3)
                let space = Array(repeating: "\u{20}" as Character?, count: span.count - cell.displayWidth)
                let content = Self.columns(of: cell, width: cell.displayWidth)
                #expect(Array(padded[span]) == (numeric[index] ? space + content : content + space))
            }
        }
    }

    @Test("with a number in the last column every row has the same width", arguments: 0..<50 as Range<UInt64>)
    func equalWidths(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = TextTable([.text("名前"), .number("µs"), .number("n")], limit: 40)
        for _ in 0..<6 {
            table.append([
                String(
                    repeating: ["τ", "車", "x"].randomElement(using: &generator)!,
                    count: .random(in: 0...60, using: &generator)),
                "\(Int.random(in: 0...1_000_000, using: &generator))", "\(Int.random(in: 0...999, using: &generator))",
            ])
        }
        #expect(Set(table.lines(styling: .plain).map(\.displayWidth)).count == 1)
    }

    /// The columns under each stretch of a rule.
    private static func spans(of rule: String) -> [Range<Int>] {
        var spans: [Range<Int>] = []
        for (column, character) in rule.enumerated() where character == "─" {
            if let last = spans.last, last.upperBound == column {
                spans[spans.count - 1] = last.lowerBound..<column + 1
            } else {
                spans.append(column..<column + 1)
            }
        }
        return spans
    }

    /// What stands in each column of a line: a character, or `nil` for the second half of a wide one.
    private static func columns(of line: String, width: Int) -> [Character?] {
        let columns = line.flatMap { $0.displayWidth == 2 ? [$0, nil] : [$0] as [Character?] }
        return columns + Array(repeating: " ", count: max(0, width - columns.count))
    }
}
