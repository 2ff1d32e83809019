/// The part of a chart above the plot: title, subtitle and legend.
struct ChartHeader {
    /// One name in the legend, with the look of its series.
    struct Entry {
        enum Sample {
            case marker(ChartMarker, isConnected: Bool)
            case bar
            case reference
        }

        var name: String
        /// The class of its series, which gives the colour.
        var style: String
        var sample: Sample
    }

    private static let sampleWidth = 26.0
    private static let gap = 20.0

    var title: String
    var subtitle: String
    var entries: [Entry]

    /// The description for screen readers.
    var description: String {
        let parts = [title, subtitle].filter { !$0.isEmpty }
        return parts.isEmpty ? "Chart" : parts.joined(separator: ". ")
    }

    /// Draws the header at the top of the canvas.
    ///
    /// - Returns: Its lower end.
    func draw(on canvas: inout ChartCanvas) -> Double {
        var y = ChartCanvas.margin
        y = draw(title, font: .title, style: "ink", limit: 2, y: y, on: &canvas)
        y = draw(subtitle, font: .subtitle, style: "quiet", limit: 4, y: y, on: &canvas)
        return drawLegend(y: y, on: &canvas)
    }

    private func draw(
        _ text: String, font: ChartFont, style: String, limit: Int, y: Double, on canvas: inout ChartCanvas
    ) -> Double {
        var y = y
        for line in font.lines(of: text, width: canvas.width - 2 * ChartCanvas.margin, limit: limit) {
            canvas.text(line, x: ChartCanvas.margin, y: y + font.size, font: font, style: style)
            y += font.size * 1.4
        }
        return y
    }

    private func drawLegend(y: Double, on canvas: inout ChartCanvas) -> Double {
        let named = entries.filter { !$0.name.isEmpty }
        guard !named.isEmpty else { return y + 4 }
        let end = canvas.width - ChartCanvas.margin
        var (x, y) = (ChartCanvas.margin, y + 8)
        for entry in named {
            let font = ChartFont.category
            let room = end - ChartCanvas.margin - Self.sampleWidth
            let width = Self.sampleWidth + min(room, font.width(of: entry.name))
            if x > ChartCanvas.margin, x + width > end { (x, y) = (ChartCanvas.margin, y + 20) }
            drawSample(of: entry, x: x, y: y + 8, on: &canvas)
            canvas.shortText(entry.name, width: room, x: x + Self.sampleWidth, y: y + 12, font: font)
            x += width + Self.gap
        }
        return y + 24
    }

    private func drawSample(of entry: Entry, x: Double, y: Double, on canvas: inout ChartCanvas) {
        canvas.open(entry.style)
        switch entry.sample {
        case .marker(let marker, let isConnected):
            if isConnected { canvas.line(from: (x, y), to: (x + 20, y), style: "line") }
            canvas.marker(marker, x: x + 10, y: y, radius: 4)
        case .bar: canvas.rectangle(x: x + 4, y: y - 5, width: 16, height: 10, style: "bar")
        case .reference: canvas.line(from: (x, y), to: (x + 20, y), style: "reference")
        }
        canvas.close()
    }
}

/// Rows with names at the left and space for plots at the right.
struct ChartRows {
    private static let gap = 12.0

    let names: [String]
    /// The height of a row.
    let height: Double
    /// The width of the picture, the width of names, and the left and right ends of the plots.
    let width, nameWidth, plotLeft, plotRight: Double

    /// - Parameters:
    ///   - width: The width of the picture, if the plots fit into it.
    ///   - leastPlotWidth: The width that the plots need; names take at most a third of `width`.
    ///   - rightWidth: The space at the right.
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

    /// The end of the last row; without rows there is space for a note.
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
