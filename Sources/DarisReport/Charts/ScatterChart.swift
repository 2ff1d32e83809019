/// Points on two linear axes, as one SVG picture that needs nothing else.
///
/// ```swift
/// let chart = ScatterChart(
///     title: "Throughput against missed deadlines", xTitle: "JPS", yTitle: "LP DMR, %",
///     series: [.init(name: "Pareto front", points: [.init(x: 741, y: 0, label: "6×1 OS 6")], isConnected: true)],
///     horizontalLines: [.init(value: 2, label: "LP DMR 2 %")])
/// let picture = chart.svg()
/// ```
///
/// The same chart is the same text, byte for byte. It is light or dark as whoever shows it prefers, and every point
/// names itself to who points at it. Points that are not finite or lie outside the given ranges are left out, and the
/// picture says how many; labels that would cover something are left out too, and stay in the tool tip. Time and
/// length of the text grow with the number of points.
package struct ScatterChart: Hashable, Sendable {
    /// One point.
    package struct Point: Hashable, Sendable {
        /// Where it lies from left to right.
        package var x: Double
        /// Where it lies from bottom to top.
        package var y: Double
        /// What is written beside it, if there is room.
        package var label: String?

        /// A point, with a name if it shall have one.
        package init(x: Double, y: Double, label: String? = nil) {
            self.x = x
            self.y = y
            self.label = label
        }
    }

    /// Points that belong together: one colour and one shape.
    package struct Series: Hashable, Sendable {
        /// What the legend says; a series without a name is not in it.
        package var name: String
        /// The points, in the order in which a line runs through them.
        package var points: [Point]
        /// Whether a line runs through the points.
        package var isConnected: Bool
        /// The shape of the points; by default one that no series before has.
        package var marker: ChartMarker?
        /// Whether the points are grey and small, for others to stand out from; labels may cover them.
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
        /// What is written on the line.
        package var label: String

        /// A line at a value.
        package init(value: Double, label: String) {
            self.value = value
            self.label = label
        }
    }

    /// What the picture shows.
    package var title: String
    /// How it was measured, or what to see in it.
    package var subtitle: String
    /// What is measured from left to right, with its unit.
    package var xTitle: String
    /// What is measured from bottom to top, with its unit.
    package var yTitle: String
    /// The points; later series are drawn over earlier ones.
    package var series: [Series]
    /// Whether to draw the line on which both values are equal. The axes are then the same, unless ranges are given.
    package var hasDiagonal: Bool
    /// Where the axis from left to right begins and ends; by default it has room for all points and lines.
    package var xRange: ClosedRange<Double>?
    /// Where the axis from bottom to top begins and ends; by default it has room for all points and lines.
    package var yRange: ClosedRange<Double>?
    /// Lines from bottom to top, at values of the axis from left to right.
    package var verticalLines: [ReferenceLine]
    /// Lines from left to right, at values of the axis from bottom to top.
    package var horizontalLines: [ReferenceLine]

    /// A chart of some series.
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
        // Equal axes are only seen to be equal in a square.
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

    /// The place of a series among those that have colours.
    private func number(of index: Int) -> Int { series[..<index].count { !$0.isBackground } }

    private var legend: [ChartHeader.Entry] {
        series.indices.map { index in
            let sample = ChartHeader.Entry.Sample.marker(marker(of: index), isConnected: series[index].isConnected)
            return .init(name: series[index].name, style: style(of: index), sample: sample)
        } + (hasDiagonal ? [.init(name: "equal", style: ChartStyle.background, sample: .reference)] : [])
    }
}
