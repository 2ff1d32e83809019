/// Points on two linear axes, as one self-contained SVG picture.
///
/// ```swift
/// let chart = ScatterChart(
///     title: "Throughput against missed deadlines", xTitle: "JPS", yTitle: "LP DMR, %",
///     series: [.init(name: "Pareto front", points: [.init(x: 741, y: 0, label: "6×1 OS 6")], isConnected: true)],
///     horizontalLines: [.init(value: 2, label: "LP DMR 2 %")])
/// let picture = chart.svg()
/// ```
///
/// The same chart gives the same text, byte for byte. It is light or dark by the viewer's preference, and every point
/// has a tool tip. Points that are not finite or lie outside the given ranges are left out, and the picture says how
/// many. Labels without space are left out, too; the tool tip has them. Time and size grow with the number of points.
package struct ScatterChart: Hashable, Sendable {
    /// One point.
    package struct Point: Hashable, Sendable {
        /// The horizontal value.
        package var x: Double
        /// The vertical value.
        package var y: Double
        /// The label beside it, if there is space.
        package var label: String?

        /// A point, with an optional label.
        package init(x: Double, y: Double, label: String? = nil) {
            self.x = x
            self.y = y
            self.label = label
        }
    }

    /// Points of one colour and one shape.
    package struct Series: Hashable, Sendable {
        /// The name in the legend; a series without a name is not in it.
        package var name: String
        /// The points, in the order in which a line runs through them.
        package var points: [Point]
        /// Whether a line runs through the points.
        package var isConnected: Bool
        /// The shape of the points; by default one that no earlier series has.
        package var marker: ChartMarker?
        /// Whether the points are grey and small in the background; labels may cover them.
        package var isBackground: Bool

        /// A series of points.
        package init(
            name: String, points: [Point], isConnected: Bool = false, marker: ChartMarker? = nil,
            isBackground: Bool = false
        ) {
            self.name = name
            self.points = points
            self.isConnected = isConnected
            self.marker = marker
            self.isBackground = isBackground
        }
    }

    /// A dashed line across the plot at one value, such as a limit.
    package struct ReferenceLine: Hashable, Sendable {
        /// The value on the axis that the line crosses.
        package var value: Double
        /// The label of the line.
        package var label: String

        /// A line at a value.
        package init(value: Double, label: String) {
            self.value = value
            self.label = label
        }
    }

    /// The title of the picture.
    package var title: String
    /// The conditions of the measurement, or what the picture shows.
    package var subtitle: String
    /// The horizontal measure, with its unit.
    package var xTitle: String
    /// The vertical measure, with its unit.
    package var yTitle: String
    /// The points; later series are drawn over earlier ones.
    package var series: [Series]
    /// Whether to draw the line on which both values are equal. If so, both axes are equal, unless ranges are given.
    package var hasDiagonal: Bool
    /// The range of the horizontal axis; by default it includes all points and lines.
    package var xRange: ClosedRange<Double>?
    /// The range of the vertical axis; by default it includes all points and lines.
    package var yRange: ClosedRange<Double>?
    /// Vertical lines, at values of the horizontal axis.
    package var verticalLines: [ReferenceLine]
    /// Horizontal lines, at values of the vertical axis.
    package var horizontalLines: [ReferenceLine]

    /// A chart of series.
    package init(
        title: String, subtitle: String = "", xTitle: String, yTitle: String, series: [Series],
        hasDiagonal: Bool = false, xRange: ClosedRange<Double>? = nil, yRange: ClosedRange<Double>? = nil,
        verticalLines: [ReferenceLine] = [], horizontalLines: [ReferenceLine] = []
    ) {
        self.title = title
        self.subtitle = subtitle
        self.xTitle = xTitle
        self.yTitle = yTitle
        self.series = series
        self.hasDiagonal = hasDiagonal
        self.xRange = xRange
        self.yRange = yRange
        self.verticalLines = verticalLines
        self.horizontalLines = horizontalLines
    }

    /// The picture: an SVG document.
    package func svg() -> String {
        // Equal axes look equal only in a square.
        var canvas = ChartCanvas(width: hasDiagonal ? 560 : 760)
        let header = ChartHeader(title: title, subtitle: subtitle, entries: legend)
        let headerEnd = header.draw(on: &canvas)
        let plot = ScatterPlot(chart: self, headerEnd: headerEnd, width: canvas.width)
        let end = plot.draw(on: &canvas)
        return canvas.document(height: end + ChartCanvas.margin, description: header.description)
    }

    /// The shape of a series.
    func marker(of index: Int) -> ChartMarker {
        series[index].marker ?? (series[index].isBackground ? .circle : .standard(series: number(of: index)))
    }

    /// The class of a series.
    func style(of index: Int) -> String {
        series[index].isBackground ? ChartStyle.background : ChartStyle.series(number(of: index))
    }

    /// The index of a series among those with colours.
    private func number(of index: Int) -> Int { series[..<index].count { !$0.isBackground } }

    private var legend: [ChartHeader.Entry] {
        series.indices.map { index in
            let sample = ChartHeader.Entry.Sample.marker(marker(of: index), isConnected: series[index].isConnected)
            return .init(name: series[index].name, style: style(of: index), sample: sample)
        } + (hasDiagonal ? [.init(name: "equal", style: ChartStyle.background, sample: .reference)] : [])
    }
}
