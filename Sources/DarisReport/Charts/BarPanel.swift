/// One panel of a bar chart.
struct BarPanel {
    /// The height of a bar with the space after it; a value label has room beside it.
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

    /// The width that a panel needs to have room for its values and for bars.
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

    /// What values at the ends of bars and half the outermost labels of the axis take.
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
        // Below the bars, as it must not run through their values.
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
        // What is not nothing must not look like nothing.
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

    /// The values of the baseline, where there is one bar a category: more lines than one say nothing.
    private func drawBaseline(top: Double, bottom: Double, on canvas: inout ChartCanvas) {
        guard let baseline, panel.groups.count == 1, let value = panel.groups[0].values[baseline], value.isFinite
        else { return }
        let x = horizontal.x(value)
        canvas.line(from: (x, top), to: (x, bottom), style: "reference")
    }
}
