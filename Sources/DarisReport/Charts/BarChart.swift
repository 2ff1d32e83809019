/// Horizontal bars in panels side by side that share their categories, as one self-contained SVG picture.
///
/// ```swift
/// let chart = BarChart(
///     title: "What each part is for", categories: ["Daris", "without stages"],
///     panels: [
///         .init(title: "JPS", groups: [.init(values: [1_133, 1_001])]),
///         .init(title: "LP DMR", unit: "%", groups: [.init(values: [2.4, 9.1])]),
///     ], baseline: 0)
/// let picture = chart.svg()
/// ```
///
/// The same chart gives the same text, byte for byte. Each panel has its own axis, which begins at zero, and each bar
/// has its value at its end. A value that is missing, infinite or not a number is shown as – without a bar.
package struct BarChart: Hashable, Sendable {
    /// One bar for each category, all of one colour.
    package struct Group: Hashable, Sendable {
        /// The name in the legend; groups of the same name have the same colour in all panels.
        package let name: String
        /// One value for each category.
        package let values: [Double?]

        /// A group of bars; a single group needs no name.
        package init(name: String = "", values: [Double?]) {
            self.name = name
            self.values = values
        }
    }

    /// One measure of all categories.
    package struct Panel: Hashable, Sendable {
        /// The measure.
        package let title: String
        /// Its unit, shown after the title; may be empty.
        package let unit: String
        /// The bars of each category, from top to bottom.
        package let groups: [Group]
        /// The number of decimals of the values; by default chosen by their size.
        package let decimals: Int?

        /// A panel of one or more groups.
        package init(title: String, unit: String = "", groups: [Group], decimals: Int? = nil) {
            precondition((decimals ?? 0) >= 0 && (decimals ?? 0) <= 9, "values have 0 to 9 decimals")
            self.title = title
            self.unit = unit
            self.groups = groups
            self.decimals = decimals
        }
    }

    /// The title of the picture.
    package let title: String
    /// The conditions of the measurement, or what the picture shows.
    package let subtitle: String
    /// The names of the rows, from top to bottom.
    package let categories: [String]
    /// The measures, from left to right.
    package let panels: [Panel]
    /// The row to compare with; a line in each panel marks its value.
    package let baseline: Int?

    /// A chart of panels. Each group needs one value for each category.
    package init(
        title: String, subtitle: String = "", categories: [String], panels: [Panel], baseline: Int? = nil
    ) {
        precondition(
            panels.allSatisfy { $0.groups.allSatisfy { $0.values.count == categories.count } },
            "every group of bars needs \(categories.count) values, one a category")
        precondition(baseline.map(categories.indices.contains) ?? true, "the baseline is one of the categories")
        self.title = title
        self.subtitle = subtitle
        self.categories = categories
        self.panels = panels
        self.baseline = baseline
    }

    /// The picture: an SVG document.
    package func svg() -> String {
        let names = groupNames
        let rows = ChartRows(names: categories, height: rowHeight, width: 760, leastPlotWidth: panelsWidth)
        var canvas = ChartCanvas(width: rows.width)
        let legend = names.enumerated().map {
            ChartHeader.Entry(name: $0.element, style: ChartStyle.series($0.offset), sample: .bar)
        }
        let header = ChartHeader(title: title, subtitle: subtitle, entries: names.count > 1 ? legend : [])
        let top = header.draw(on: &canvas) + ChartFont.heading.size + 18
        rows.draw(top: top, on: &canvas)

        let count = Double(max(1, panels.count))
        let width = (rows.plotRight - rows.plotLeft - (count - 1) * Self.gap) / count
        for (index, panel) in panels.enumerated() {
            let left = rows.plotLeft + Double(index) * (width + Self.gap)
            BarPanel(panel: panel, baseline: baseline, names: names, left: left, width: width)
                .draw(top: top, rows: rows, on: &canvas)
        }
        let bottom = rows.bottom(top: top) + HorizontalAxis.labelHeight
        return canvas.document(height: bottom + ChartCanvas.margin, description: header.description)
    }

    private static let gap = 24.0

    private var panelsWidth: Double {
        let count = Double(max(1, panels.count))
        let widest = panels.reduce(0) { max($0, BarPanel.leastWidth(of: $1)) }
        return count * widest + (count - 1) * Self.gap
    }

    private var rowHeight: Double {
        let most = panels.reduce(1) { max($0, $1.groups.count) }
        return Double(most) * BarPanel.pitch + 10
    }

    /// The names of the groups, each once, in order of first use.
    private var groupNames: [String] {
        var names: [String] = []
        for group in panels.flatMap(\.groups) where !names.contains(group.name) { names.append(group.name) }
        return names
    }
}

/// One panel of a bar chart.
struct BarPanel {
    /// The height of a bar with the space after it, enough for a value label.
    static let pitch = 16.0
    private static let thickness = 13.0

    private let panel: BarChart.Panel
    private let baseline: Int?
    private let names: [String]
    private let left, width: Double
    private let horizontal: HorizontalAxis
    private let decimals: Int

    init(panel: BarChart.Panel, baseline: Int?, names: [String], left: Double, width: Double) {
        self.panel = panel
        self.baseline = baseline
        self.names = names
        self.left = left
        self.width = width
        let values = Self.values(of: panel)
        decimals = Self.decimals(of: panel)
        func make(_ intervals: Int) -> ValueAxis {
            ValueAxis(covering: values, includesZero: true, endsAtTicks: false, intervals: intervals)
        }
        let room = Self.room(of: panel)
        horizontal = HorizontalAxis(left: left + room.left, right: left + width - room.right, make: make)
    }

    /// The least width of a panel with its values and bars.
    static func leastWidth(of panel: BarChart.Panel) -> Double {
        let room = room(of: panel)
        return max(150, room.left + 80 + room.right)
    }

    private static func values(of panel: BarChart.Panel) -> [Double] {
        panel.groups.flatMap(\.values).compactMap(\.self).filter(\.isFinite)
    }

    private static func decimals(of panel: BarChart.Panel) -> Int {
        panel.decimals ?? ChartNumber.decimals(for: values(of: panel))
    }

    /// The space for the values at the ends of bars, and for half of the outermost axis labels.
    private static func room(of panel: BarChart.Panel) -> (left: Double, right: Double) {
        let (values, decimals) = (values(of: panel), decimals(of: panel))
        func longest(_ values: [Double]) -> Double {
            values.reduce(0) { max($0, ChartFont.label.width(of: ChartNumber.short($1, decimals: decimals))) } + 6
        }
        let negative = values.filter { $0 < 0 }
        let ticks = ValueAxis(covering: values, includesZero: true, endsAtTicks: false, intervals: 1).ticks
        let halves = ticks.map { ChartFont.label.width(of: $0.label) / 2 }
        return (
            max(negative.isEmpty ? 4 : longest(negative), halves.first ?? 0),
            max(longest(values.filter { $0 >= 0 }), halves.last ?? 0)
        )
    }

    func draw(top: Double, rows: ChartRows, on canvas: inout ChartCanvas) {
        let title = panel.unit.isEmpty ? panel.title : panel.title + ", " + panel.unit
        canvas.shortText(title, width: width, x: left, y: top - 10, font: .heading)
        let bottom = rows.bottom(top: top)
        horizontal.drawGrid(top: top, bottom: bottom, on: &canvas)
        horizontal.drawLabels(y: bottom + HorizontalAxis.labelHeight - 2, on: &canvas)
        // Below the bars, since it must not cross their values.
        drawBaseline(top: top, bottom: bottom, on: &canvas)
        for (index, group) in panel.groups.enumerated() {
            let offset = (Double(index) - Double(panel.groups.count - 1) / 2) * Self.pitch
            canvas.open(ChartStyle.series(names.firstIndex(of: group.name) ?? 0))
            for row in rows.names.indices {
                let middle = rows.middle(of: row, top: top) + offset
                drawBar(group.values[row], of: group, category: rows.names[row], middle: middle, on: &canvas)
            }
            canvas.close()
        }
    }

    private func drawBar(
        _ value: Double?, of group: BarChart.Group, category: String, middle: Double, on canvas: inout ChartCanvas
    ) {
        let zero = horizontal.x(0)
        let base = middle + ChartFont.label.size * 0.35
        guard let value, value.isFinite else {
            canvas.text(Figure.none, x: zero + 5, y: base, font: .label, style: "quiet")
            return
        }
        let end = horizontal.x(value)
        // A small value must not look like zero.
        let length = value == 0 ? 0 : max(1, (end - zero).magnitude)
        let unit = panel.unit.isEmpty ? "" : " " + panel.unit
        let names = [category, group.name, panel.title].filter { !$0.isEmpty }.joined(separator: " · ")
        canvas.rectangle(
            x: value < 0 ? zero - length : zero, y: middle - Self.thickness / 2, width: length, height: Self.thickness,
            style: "bar", tooltip: names + ": " + ChartNumber.exact(value) + unit)
        canvas.text(
            ChartNumber.short(value, decimals: decimals), x: value < 0 ? zero - length - 4 : zero + length + 4, y: base,
            font: .label, style: "ink halo", anchor: value < 0 ? .end : .start)
    }

    /// Draws the value of the baseline if there is one bar for each category: several lines would only confuse.
    private func drawBaseline(top: Double, bottom: Double, on canvas: inout ChartCanvas) {
        guard let baseline, panel.groups.count == 1, let value = panel.groups[0].values[baseline], value.isFinite
        else { return }
        let x = horizontal.x(value)
        canvas.line(from: (x, top), to: (x, bottom), style: "reference")
    }
}
