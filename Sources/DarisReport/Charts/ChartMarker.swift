/// The shape of a point, so that series differ by more than their colour.
package enum ChartMarker: String, CaseIterable, Hashable, Sendable {
    /// A filled circle.
    case circle
    /// A filled square.
    case square
    /// A filled diamond.
    case diamond
    /// A filled triangle.
    case triangle
    /// A cross of two strokes.
    case cross
    /// A hollow circle, into which a filled one fits.
    case ring

    /// The shape of a series that names none: with the colours, no two of the first 36 series look alike.
    static func standard(series: Int) -> ChartMarker {
        allCases[(series + series / ChartStyle.colours) % allCases.count]
    }

    /// How far a marker of this shape and radius reaches from its centre, with its stroke.
    func reach(radius: Double) -> Double {
        switch self {
        case .circle, .square, .cross: radius + 1
        case .ring: radius * 1.3 + 1
        case .diamond, .triangle: radius * 1.35 + 1
        }
    }
}
