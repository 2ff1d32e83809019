/// A linear axis whose ticks are multiples of 1, 2 or 5 times a power of ten.
struct ValueAxis: Equatable {
    struct Tick: Equatable {
        var value: Double
        var label: String
    }

    /// Where the axis begins and ends; `lower < upper`, both finite.
    let lower, upper: Double
    /// From low to high, none outside the axis.
    let ticks: [Tick]

    /// The smallest numbers that are told from zero.
    private static let least = 1e-290
    /// Numbers closer than this, as a share of their size, are the same to an axis.
    private static let resolution = 1e-10

    /// An axis from tick to tick that has room for all values; without values, from 0 to 1 and without ticks.
    ///
    /// - Parameters:
    ///   - values: what to show; those that are not finite are left out.
    ///   - includesZero: whether zero must be on the axis; it is as well where the values begin close to it.
    ///   - endsAtTicks: whether to begin and end at ticks, and not at the outermost values.
    ///   - intervals: about how many intervals to have.
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

    /// An axis that begins and ends where it is told to, or `nil` if that leaves no room for numbers between.
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

    /// Where a value stands between two coordinates.
    func position(_ value: Double, from start: Double, to end: Double) -> Double {
        // Halves, as the difference of two finite numbers need not be finite.
        let fraction = (value / 2 - lower / 2) / (upper / 2 - lower / 2)
        return start + fraction * (end - start)
    }

    /// The widest tick label.
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
        // A little above, so that a quotient of 2.0000000001 stays a 2.
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

    /// As many decimals as the step has; very large and very small numbers in one power of ten.
    func label(_ value: Double, upTo largest: Double) -> String {
        if value == 0 { return "0" }
        if largest < ChartNumber.large, exponent >= -5 { return Figure.fixed(value, decimals: max(0, -exponent)) }
        let power = ChartNumber.exponent(of: largest)
        let decimals = min(max(0, power - exponent), 11)
        return Figure.fixed(value / ChartNumber.power(power), decimals: decimals) + "e\(power)"
    }
}
