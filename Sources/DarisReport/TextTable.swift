/// A table of text: a header, a rule, and rows whose columns stand under each other in any terminal.
///
/// ```swift
/// var table = TextTable([.text("task"), .number("period ms")])
/// table.append(["front", "33.33"])
/// print(table.text(styling: .plain))
/// ```
///
/// A table takes at most `pageWidth` columns: text is shortened first, longest column first, with … in
/// place of what had to go; numbers only where that is not enough. No line ends in spaces.
package struct TextTable: Sendable {
    /// A column: its title and which way its cells are pushed.
    package struct Column: Sendable {
        /// What the header says.
        package var title: String
        /// Whether cells stand at the right, as numbers do, and are shortened last.
        package var isNumeric: Bool

        /// A column of text: to the left, and shortened where the table is too wide.
        package static func text(_ title: String) -> Column { Column(title: title, isNumeric: false) }
        /// A column of numbers: to the right.
        package static func number(_ title: String) -> Column { Column(title: title, isNumeric: true) }
    }

    /// The columns that every report keeps to.
    package static let pageWidth = 100
    /// The columns of space between two columns.
    static let gap = 2
    /// How far text columns are shortened before numbers are.
    static let leastTextWidth = 6

    private let columns: [Column]
    private let indent: Int
    private let limit: Int
    private var rows: [[String]] = []

    /// A table without rows.
    ///
    /// - Parameters:
    ///   - indent: columns of space before each line.
    ///   - limit: the most columns a line may take; room for at least one character a column.
    package init(_ columns: [Column], indent: Int = 0, limit: Int = TextTable.pageWidth) {
        precondition(!columns.isEmpty, "a table has at least one column")
        precondition(
            indent >= 0 && indent + columns.count * (1 + Self.gap) - Self.gap <= limit,
            "\(columns.count) columns do not fit into \(limit)")
        self.columns = columns.map { Column(title: $0.title.printable, isNumeric: $0.isNumeric) }
        self.indent = indent
        self.limit = limit
    }

    /// Adds a row of one cell a column. Control characters in it are shown as �.
    package mutating func append(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row needs \(columns.count) cells, not \(cells.count)")
        rows.append(cells.map(\.printable))
    }

    /// Header, rule and rows.
    package func lines(styling: Styling) -> [String] {
        let widths = fittedWidths()
        let header = line(of: columns.map(\.title), widths)
        let rule = line(of: widths.map { String(repeating: "─", count: $0) }, widths)
        return [styling.apply(.heading, to: header), styling.apply(.rule, to: rule)] + rows.map { line(of: $0, widths) }
    }

    /// The lines as one text, without a line break at the end.
    package func text(styling: Styling) -> String { lines(styling: styling).joined(separator: "\n") }

    /// The width of each column, so that the table fits.
    private func fittedWidths() -> [Int] {
        var widths = columns.indices.map { column in
            let longest = rows.reduce(0) { max($0, $1[column].displayWidth) }
            return min(limit, max(1, longest, columns[column].title.displayWidth))
        }
        let room = limit - indent - Self.gap * (columns.count - 1)
        func shorten(_ candidates: [Int], downTo least: Int) {
            while widths.reduce(0, +) > room {
                guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { return }
                guard widths[widest] > least else { return }
                widths[widest] -= 1
            }
        }
        shorten(columns.indices.filter { !columns[$0].isNumeric }, downTo: Self.leastTextWidth)
        shorten(Array(columns.indices), downTo: 1)
        return widths
    }

    /// Names often differ at their ends only (side-1, side-2), so text is cut before its end.
    private func shortened(_ cell: String, _ column: Int, _ width: Int) -> String {
        cell.truncated(to: width, tail: columns[column].isNumeric ? 0 : width / 3)
    }

    private func line(of cells: [String], _ widths: [Int]) -> String {
        var line = String(repeating: " ", count: indent)
        for (column, cell) in cells.enumerated() {
            if column > 0 { line += String(repeating: " ", count: Self.gap) }
            let cell = shortened(cell, column, widths[column])
            let space = String(repeating: " ", count: widths[column] - cell.displayWidth)
            line += columns[column].isNumeric ? space + cell : cell + space
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
