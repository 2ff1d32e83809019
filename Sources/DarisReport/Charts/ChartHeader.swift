/// What stands above every plot: title, subtitle and legend.
struct ChartHeader {
    /// One name in the legend, with how its series looks.
    struct Entry {
        enum Sample {
            case marker(ChartMarker, isConnected: Bool)
            case bar
            case reference
        }

        var name: String
        /// The class of the series it stands for, which gives the colour.
        var style: String
        var sample: Sample
    }

    private static let sampleWidth = 26.0
    private static let gap = 20.0

    var title: String
    var subtitle: String
    var entries: [Entry]

    /// What a screen reader says for the picture.
    var description: String {
        let parts = [title, subtitle].filter { !$0.isEmpty }
        return parts.isEmpty ? "Chart" : parts.joined(separator: ". ")
    }

    /// Draws it from the top of the canvas.
    ///
    /// - Returns: where it ends.
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
