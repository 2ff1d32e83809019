/// Rows with names at the left and room for plots at the right.
struct ChartRows {
    private static let gap = 12.0

    let names: [String]
    /// The height of a row.
    let height: Double
    /// The width of the picture, the space for names, and where plots begin and end.
    let width, nameWidth, plotLeft, plotRight: Double

    /// - Parameters:
    ///   - width: the width to take, if the plots have room in it.
    ///   - leastPlotWidth: the width that the plots need; names take at most a third of the picture besides.
    ///   - rightWidth: room to leave at the right.
    init(names: [String], height: Double, width: Double, leastPlotWidth: Double, rightWidth: Double = 0) {
        self.names = names
        self.height = height
        let longest = names.reduce(0) { max($0, ChartFont.category.width(of: $1)) }
        nameWidth = min(longest, width / 3)
        plotLeft = ChartCanvas.margin + nameWidth + Self.gap
        self.width = max(width, plotLeft + leastPlotWidth + rightWidth + ChartCanvas.margin)
        plotRight = self.width - ChartCanvas.margin - rightWidth
    }

    /// The middle of a row.
    func middle(of row: Int, top: Double) -> Double { top + (Double(row) + 0.5) * height }

    /// The end of the last row; without rows there is room to say so.
    func bottom(top: Double) -> Double { top + Double(max(1, names.count)) * height }

    /// Draws the names.
    func draw(top: Double, on canvas: inout ChartCanvas) {
        for (row, name) in names.enumerated() {
            let base = middle(of: row, top: top) + ChartFont.category.size * 0.35
            canvas.shortText(
                name, width: nameWidth, x: plotLeft - Self.gap, y: base, font: .category, anchor: .end)
        }
        if names.isEmpty {
            let base = middle(of: 0, top: top) + ChartFont.category.size * 0.35
            canvas.text("no rows", x: ChartCanvas.margin, y: base, font: .category, style: "quiet")
        }
    }
}
