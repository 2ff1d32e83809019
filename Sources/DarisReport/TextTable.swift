/// A table of text: a header, a rule, and rows with aligned columns.
///
/// ```swift
/// var table = TextTable([.text("task"), .number("period ms")])
/// table.append(["front", "33.33"])
/// print(table.text(styling: .plain))
/// ```
///
/// A table has a limit of columns. If it is wider, text is shortened with …, longest column first; then numbers. No
/// line ends in spaces.
package struct TextTable: Sendable {
    /// A column: its title and alignment.
    package struct Column: Sendable {
        /// The title in the header.
        package var title: String
        /// Whether cells are aligned to the right, as numbers, and shortened last.
        package var isNumeric: Bool

        /// A column of text: aligned to the left, and shortened if the table is too wide.
        package static func text(_ title: String) -> Column { Column(title: title, isNumeric: false) }
        /// A column of numbers: aligned to the right.
        package static func number(_ title: String) -> Column { Column(title: title, isNumeric: true) }
    }

    /// The width of every report, in columns.
    package static let pageWidth = 100
    /// The space between two columns.
    static let gap = 2
    /// The width to which text columns are shortened before numbers are.
    static let leastTextWidth = 6

    private let columns: [Column]
    private let indent: Int
    private let limit: Int
    private var rows: [[String]] = []

    /// A table without rows.
    ///
    /// - Parameters:
    ///   - indent: The spaces before each line.
    ///   - limit: The limit of a line's width; at least one character for each column.
    package init(_ columns: [Column], indent: Int = 0, limit: Int = TextTable.pageWidth) {
        precondition(!columns.isEmpty, "a table has at least one column")
        precondition(
            indent >= 0 && indent + columns.count * (1 + Self.gap) - Self.gap <= limit,
            "\(columns.count) columns do not fit into \(limit)")
        self.columns = columns.map { Column(title: $0.title.printable, isNumeric: $0.isNumeric) }
        self.indent = indent
        self.limit = limit
    }

    /// Adds a row of one cell for each column. Control characters are shown as �.
    package mutating func append(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row needs \(columns.count) cells, not \(cells.count)")
        rows.append(cells.map(\.printable))
    }

    /// The header, the rule and the rows.
    package func lines(styling: Styling) -> [String] {
        let widths = fittedWidths()
        let header = line(of: columns.map(\.title), widths)
        let rule = line(of: widths.map { String(repeating: "─", count: $0) }, widths)
        return [styling.apply(.heading, to: header), styling.apply(.rule, to: rule)] + rows.map { line(of: $0, widths) }
    }

    /// The lines as one text, without a line break at the end.
    package func text(styling: Styling) -> String { lines(styling: styling).joined(separator: "\n") }

    /// The width of each column in a table that fits the limit.
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

    /// A cell in at most `width` columns. Names often differ at their ends only (side-1, side-2), so text keeps its
    /// end.
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

/// The styling of text: plain, or with the colours of a terminal. The caller decides; nothing here queries a terminal.
package enum Styling: Hashable, Sendable {
    /// Plain text: for files, pipes and logs.
    case plain
    /// ANSI escape sequences: for terminals.
    case ansi

    /// The role of a piece of text.
    enum Role: String {
        case heading = "1"
        case rule = "2"
        case good = "32"
        case bad = "31"
    }

    /// The text in the style of a role. Escape sequences would count as columns, so apply this after the layout.
    func apply(_ role: Role, to text: String) -> String {
        switch self {
        case .plain: text
        case .ansi: text.isEmpty ? text : "\u{1B}[\(role.rawValue)m\(text)\u{1B}[0m"
        }
    }
}
