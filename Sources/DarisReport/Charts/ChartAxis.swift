/// A linear axis whose ticks are multiples of 1, 2 or 5 times a power of ten.
struct ValueAxis: Equatable {
    struct Tick: Equatable {
        var value: Double
        var label: String
    }

    /// The ends of the axis; `lower < upper`, both finite.
    let lower, upper: Double
    /// The ticks within the axis, ascending.
    let ticks: [Tick]

    /// The smallest magnitude that differs from zero.
    private static let least = 1e-290
    /// The relative difference below which numbers are equal on an axis.
    private static let resolution = 1e-10

    /// An axis that includes all values; without values, from 0 to 1 and without ticks.
    ///
    /// - Parameters:
    ///   - values: The values; those that are not finite are left out.
    ///   - includesZero: Whether zero must be on the axis. It also is if the values begin close to it.
    ///   - endsAtTicks: Whether the axis ends at ticks, not at the outermost values.
    ///   - intervals: The approximate number of intervals.
    init(
        covering values: some Sequence<Double>, includesZero: Bool = false, endsAtTicks: Bool = true, intervals: Int
    ) {
        let finite = values.filter(\.isFinite)
        guard var low = finite.min(), var high = finite.max() else {
            self.init(lower: 0, upper: 1, ticks: [])
            return
        }
        if includesZero || low < 0.3 * high { low = min(low, 0) }
        if includesZero || high > 0.3 * low { high = max(high, 0) }
        let magnitude = max(low.magnitude, high.magnitude)
        if magnitude < Self.least {
            (low, high) = (low < 0 ? -1 : 0, high > 0 || low == 0 ? 1 : 0)
        } else if high / 2 - low / 2 < magnitude * Self.resolution {
            low = max(low - magnitude / 10, -.greatestFiniteMagnitude)
            high = min(high + magnitude / 10, .greatestFiniteMagnitude)
        }
        let step = Step(from: low, to: high, intervals: intervals)
        let (lower, upper) = endsAtTicks ? (step.floor(low), step.ceiling(high)) : (low, high)
        self.init(lower: lower, upper: upper, step: step)
    }

    /// An axis with the given ends, or `nil` if they are too close to each other.
    init?(_ range: ClosedRange<Double>, intervals: Int) {
        let (low, high) = (range.lowerBound, range.upperBound)
        let magnitude = max(low.magnitude, high.magnitude)
        guard magnitude.isFinite, magnitude >= Self.least, high / 2 - low / 2 >= magnitude * Self.resolution else {
            return nil
        }
        self.init(lower: low, upper: high, step: Step(from: low, to: high, intervals: intervals))
    }

    private init(lower: Double, upper: Double, ticks: [Tick]) {
        self.lower = lower
        self.upper = upper
        self.ticks = ticks
    }

    private init(lower: Double, upper: Double, step: Step) {
        let largest = max(lower.magnitude, upper.magnitude)
        let ticks = step.multiples(from: lower, to: upper).map { Tick(value: $0, label: step.label($0, upTo: largest)) }
        self.init(lower: lower, upper: upper, ticks: ticks)
    }

    func contains(_ value: Double) -> Bool { value >= lower && value <= upper }

    /// The position of a value between two coordinates.
    func position(_ value: Double, from start: Double, to end: Double) -> Double {
        // Halves, since the difference of two finite numbers may be infinite.
        let fraction = (value / 2 - lower / 2) / (upper / 2 - lower / 2)
        return start + fraction * (end - start)
    }

    /// The width of the widest tick label.
    func labelWidth(_ font: ChartFont) -> Double { ticks.reduce(0) { max($0, font.width(of: $1.label)) } }
}

/// The distance of two ticks: 1, 2 or 5 times a power of ten.
private struct Step {
    private let digit: Int
    private let exponent: Int

    init(from low: Double, to high: Double, intervals: Int) {
        let count = Double(max(1, intervals))
        let rough = high / count - low / count
        let exponent = ChartNumber.exponent(of: rough)
        let digit = rough / ChartNumber.power(exponent)
        // The bounds are a little above, so that 2.0000000001 counts as 2.
        switch digit {
        case ...1.000_001: (self.digit, self.exponent) = (1, exponent)
        case ...2.000_001: (self.digit, self.exponent) = (2, exponent)
        case ...5.000_001: (self.digit, self.exponent) = (5, exponent)
        default: (self.digit, self.exponent) = (1, exponent + 1)
        }
    }

    private func multiple(_ factor: Double) -> Double {
        let whole = factor * Double(digit)
        return exponent < 0 ? whole / ChartNumber.power(-exponent) : whole * ChartNumber.power(exponent)
    }

    /// The value as a count of steps.
    private func factor(_ value: Double) -> Double {
        let scaled = exponent < 0 ? value * ChartNumber.power(-exponent) : value / ChartNumber.power(exponent)
        return scaled / Double(digit)
    }

    func floor(_ value: Double) -> Double {
        let result = multiple((factor(value) + 1e-6).rounded(.down))
        return result.isFinite ? min(result, value) : value
    }

    func ceiling(_ value: Double) -> Double {
        let result = multiple((factor(value) - 1e-6).rounded(.up))
        return result.isFinite ? max(result, value) : value
    }

    func multiples(from low: Double, to high: Double) -> [Double] {
        let (first, last) = ((factor(low) - 1e-6).rounded(.up), (factor(high) + 1e-6).rounded(.down))
        guard first.isFinite, last.isFinite, last >= first else { return [] }
        return (0...Int(min(last - first, 100))).map { multiple(first + Double($0)) }
            .filter { $0.isFinite && $0 >= low && $0 <= high }
    }

    /// A label with the decimals of the step; very large and very small numbers share one power of ten.
    func label(_ value: Double, upTo largest: Double) -> String {
        if value == 0 { return "0" }
        if largest < ChartNumber.large, exponent >= -5 { return Figure.fixed(value, decimals: max(0, -exponent)) }
        let power = ChartNumber.exponent(of: largest)
        let decimals = min(max(0, power - exponent), 11)
        return Figure.fixed(value / ChartNumber.power(power), decimals: decimals) + "e\(power)"
    }
}

/// A horizontal value axis, with vertical grid lines.
struct HorizontalAxis {
    /// The height of the tick labels and the space before them.
    static let labelHeight = 18.0

    let axis: ValueAxis
    let left, right: Double

    /// An axis with as many intervals as its labels have space.
    ///
    /// - Parameter make: Makes an axis with about the given number of intervals.
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

    /// Draws the grid lines between two heights.
    func drawGrid(top: Double, bottom: Double, on canvas: inout ChartCanvas) {
        for tick in axis.ticks {
            let style = tick.value == 0 ? "axis" : "grid"
            canvas.line(from: (x(tick.value), top), to: (x(tick.value), bottom), style: style)
        }
    }

    /// Draws the labels on one base line; those without space are left out.
    func drawLabels(y: Double, on canvas: inout ChartCanvas) {
        var end = -Double.infinity
        for tick in axis.ticks {
            let half = ChartFont.label.width(of: tick.label) / 2
            // A label moves beside its tick rather than out of the picture.
            let x = min(max(x(tick.value), half + 2), canvas.width - half - 2)
            guard x - half >= end + 6 else { continue }
            canvas.text(tick.label, x: x, y: y, font: .label, style: "quiet", anchor: .middle)
            end = x + half
        }
    }
}
