/// Horizontal bars in panels that stand side by side and share their categories, as one SVG picture that needs
/// nothing else.
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
/// The same chart is the same text, byte for byte. Each panel has its own axis, which begins at zero; each bar says its
/// value at its end. A value that is missing, infinite or not a number is a – in place of its bar.
package struct BarChart: Hashable, Sendable {
    /// One bar a category, all of one colour.
    package struct Group: Hashable, Sendable {
        /// What the legend says; groups of the same name have the same colour in all panels.
        package let name: String
        /// One value a category.
        package let values: [Double?]

        /// A group of bars; it needs no name if it is the only one.
        package init(name: String = "", values: [Double?]) {
            self.name = name
            self.values = values
        }
    }

    /// One measure of all categories.
    package struct Panel: Hashable, Sendable {
        /// What is measured.
        package let title: String
        /// Its unit, which stands behind the title; empty if there is none.
        package let unit: String
        /// The bars of each category, from top to bottom.
        package let groups: [Group]
        /// How many decimals the values have; by default what suits them.
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

    /// What the picture shows.
    package let title: String
    /// How it was measured, or what to see in it.
    package let subtitle: String
    /// The names of the rows, from top to bottom.
    package let categories: [String]
    /// The measures, from left to right.
    package let panels: [Panel]
    /// The row to compare with, whose values are marked with a line down each panel.
    package let baseline: Int?

    /// A chart of some panels. Each group needs one value a category.
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

    /// The names of the groups, each once, in the order in which they come first.
    private var groupNames: [String] {
        var names: [String] = []
        for group in panels.flatMap(\.groups) where !names.contains(group.name) { names.append(group.name) }
        return names
    }
}
