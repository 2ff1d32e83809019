/// A value axis drawn from left to right, with grid lines down the plot.
struct HorizontalAxis {
    /// The height of the tick labels and the space before them.
    static let labelHeight = 18.0

    let axis: ValueAxis
    let left, right: Double

    /// An axis made by `make` of as many intervals as there is room for labels.
    ///
    /// - Parameter make: the axis with about so many intervals.
    init(left: Double, right: Double, make: (_ intervals: Int) -> ValueAxis) {
        self.left = left
        self.right = right
        var axis = make(1)
        for intervals in 2...10 {
            let finer = make(intervals)
            let places = finer.ticks.prefix(2).map { finer.position($0.value, from: left, to: right) }
            let step = places.count == 2 ? places[1] - places[0] : right - left
            guard finer.labelWidth(.label) + 16 <= step else { break }
            axis = finer
        }
        self.axis = axis
    }

    func x(_ value: Double) -> Double { axis.position(value, from: left, to: right) }

    /// Draws grid lines between two heights.
    func drawGrid(top: Double, bottom: Double, on canvas: inout ChartCanvas) {
        for tick in axis.ticks {
            let style = tick.value == 0 ? "axis" : "grid"
            canvas.line(from: (x(tick.value), top), to: (x(tick.value), bottom), style: style)
        }
    }

    /// Draws the labels on one base line; those that have no room are left out.
    func drawLabels(y: Double, on canvas: inout ChartCanvas) {
        var end = -Double.infinity
        for tick in axis.ticks {
            let half = ChartFont.label.width(of: tick.label) / 2
            // Beside its tick rather than outside the picture.
            let x = min(max(x(tick.value), half + 2), canvas.width - half - 2)
            guard x - half >= end + 6 else { continue }
            canvas.text(tick.label, x: x, y: y, font: .label, style: "quiet", anchor: .middle)
            end = x + half
        }
    }
}
