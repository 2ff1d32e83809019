/// Rows of a few values each on one axis, joined by a line, as one self-contained SVG picture: published and simulated
/// values of each configuration.
///
/// ```swift
/// let chart = DotChart(
///     title: "Published and simulated throughput", valueTitle: "JPS", series: ["published", "simulated"],
///     rows: [.init(name: "6×1 OS 6", values: [1_133, 1_108], note: "−2.2 %")], noteTitle: "difference")
/// let picture = chart.svg()
/// ```
///
/// The same chart gives the same text, byte for byte. Values that are missing, infinite or not numbers are left out.
package struct DotChart: Hashable, Sendable {
    /// One row.
    package struct Row: Hashable, Sendable {
        /// The name at its left.
        package let name: String
        /// One value for each series.
        package let values: [Double?]
        /// The text at its right, such as the difference of the values.
        package let note: String

        /// A row of values.
        package init(name: String, values: [Double?], note: String = "") {
            self.name = name
            self.values = values
            self.note = note
        }
    }

    /// The title of the picture.
    package let title: String
    /// The conditions of the measurement, or what the picture shows.
    package let subtitle: String
    /// The measure, with its unit.
    package let valueTitle: String
    /// The names of the series. The first is drawn as rings, which surround the dots of the second.
    package let series: [String]
    /// The rows, from top to bottom.
    package let rows: [Row]
    /// The heading of the notes.
    package let noteTitle: String

    /// A chart of rows. Each row needs one value for each series.
    package init(
        title: String, subtitle: String = "", valueTitle: String, series: [String], rows: [Row], noteTitle: String = ""
    ) {
        precondition(
            rows.allSatisfy { $0.values.count == series.count },
            "every row needs \(series.count) values, one a series")
        self.title = title
        self.subtitle = subtitle
        self.valueTitle = valueTitle
        self.series = series
        self.rows = rows
        self.noteTitle = noteTitle
    }

    /// The picture: an SVG document.
    package func svg() -> String {
        let lines = ChartRows(
            names: rows.map(\.name), height: Self.rowHeight, width: 760, leastPlotWidth: 300,
            rightWidth: noteWidth > 0 ? noteWidth + 28 : 20)
        var canvas = ChartCanvas(width: lines.width)
        let legend = series.indices.map { index in
            ChartHeader.Entry(
                name: series[index], style: ChartStyle.series(index),
                sample: .marker(Self.marker(of: index), isConnected: false))
        }
        let header = ChartHeader(title: title, subtitle: subtitle, entries: legend)
        let titleBase = header.draw(on: &canvas) + ChartFont.heading.size + 4
        // A high picture has an axis at each end, so that one is always in sight.
        let hasTwoAxes = rows.count > 20
        let top = titleBase + (hasTwoAxes ? 28 : 10)

        let values = rows.flatMap(\.values).compactMap(\.self)
        let horizontal = HorizontalAxis(left: lines.plotLeft + 8, right: lines.plotRight) {
            ValueAxis(covering: values, intervals: $0)
        }
        let titleWidth = horizontal.right - lines.plotLeft
        canvas.shortText(valueTitle, width: titleWidth, x: lines.plotLeft, y: titleBase, font: .heading)
        let noteEnd = lines.width - ChartCanvas.margin
        canvas.shortText(noteTitle, width: noteWidth, x: noteEnd, y: titleBase, font: .heading, anchor: .end)
        let bottom = lines.bottom(top: top)
        if hasTwoAxes { horizontal.drawLabels(y: top - 6, on: &canvas) }
        horizontal.drawGrid(top: top, bottom: bottom, on: &canvas)
        horizontal.drawLabels(y: bottom + HorizontalAxis.labelHeight, on: &canvas)
        lines.draw(top: top, on: &canvas)
        for (index, row) in rows.enumerated() {
            let y = lines.middle(of: index, top: top)
            draw(row, y: y, horizontal: horizontal, on: &canvas)
            canvas.shortText(
                row.note, width: noteWidth, x: noteEnd, y: y + ChartFont.label.size * 0.35, font: .label,
                style: "quiet", anchor: .end)
        }
        return canvas.document(
            height: bottom + HorizontalAxis.labelHeight + ChartCanvas.margin, description: header.description)
    }

    private static let rowHeight = 19.0
    private static let radius = 3.6

    private static func marker(of series: Int) -> ChartMarker {
        let order: [ChartMarker] = [.ring, .circle, .diamond, .square, .triangle, .cross]
        return order[series % order.count]
    }

    private var noteWidth: Double {
        let notes = rows.reduce(0) { max($0, ChartFont.label.width(of: $1.note)) }
        return min(notes == 0 ? 0 : max(notes, ChartFont.heading.width(of: noteTitle)), 160)
    }

    private func draw(_ row: Row, y: Double, horizontal: HorizontalAxis, on canvas: inout ChartCanvas) {
        let finite = row.values.enumerated().compactMap { index, value in
            value.flatMap { $0.isFinite ? (series: index, value: $0) : nil }
        }
        canvas.line(from: (horizontal.left, y), to: (horizontal.right, y), style: "grid")
        if let low = finite.map(\.value).min(), let high = finite.map(\.value).max() {
            canvas.line(from: (horizontal.x(low), y), to: (horizontal.x(high), y), style: "span")
        }
        for (index, value) in finite {
            let tooltip = [row.name, series[index] + ": " + ChartNumber.exact(value)].joined(separator: " · ")
            canvas.open(ChartStyle.series(index))
            canvas.marker(
                Self.marker(of: index), x: horizontal.x(value), y: y, radius: Self.radius, tooltip: tooltip)
            canvas.close()
        }
    }
}
