/// A map of the free space for text in a plot, in squares of two pixels.
///
/// The time of a query does not depend on the number of marks.
struct LabelPlacement {
    struct Box {
        var left, top, right, bottom: Double
    }

    typealias Line = (from: (x: Double, y: Double), to: (x: Double, y: Double))

    private static let cell = 2.0

    private let bounds: Box
    private let columns: Int
    private let rows: Int
    private var taken: [Use?]

    /// The use of a square, by ascending importance.
    enum Use: Int {
        /// Points that a label may cover if there is no other space for it.
        case background
        /// Everything else.
        case foreground
    }

    init(bounds: Box) {
        self.bounds = bounds
        columns = max(1, Int(((bounds.right - bounds.left) / Self.cell).rounded(.up)))
        rows = max(1, Int(((bounds.bottom - bounds.top) / Self.cell).rounded(.up)))
        taken = Array(repeating: nil, count: columns * rows)
    }

    /// Whether a box lies within the plot and covers only uses of less importance than `use`.
    func hasRoom(for box: Box, besides use: Use = .background) -> Bool {
        guard box.left >= bounds.left, box.right <= bounds.right, box.top >= bounds.top, box.bottom <= bounds.bottom
        else { return false }
        let (across, down) = cells(of: box)
        return down.allSatisfy { row in
            across.allSatisfy { column in taken[row * columns + column].map { $0.rawValue < use.rawValue } ?? true }
        }
    }

    /// Marks a box as drawn upon.
    mutating func take(_ box: Box, as use: Use = .foreground) {
        let (across, down) = cells(of: box)
        for row in down {
            for column in across where taken[row * columns + column] != .foreground {
                taken[row * columns + column] = use
            }
        }
    }

    /// Marks a straight line as drawn upon.
    mutating func takeLine(_ line: Line) {
        for box in Self.boxes(along: line) { take(box) }
    }

    /// Whether a straight line crosses no text, line or point, except those of the background.
    func hasRoom(for line: Line) -> Bool {
        Self.boxes(along: line).allSatisfy { hasRoom(for: $0, besides: .foreground) }
    }

    private static func boxes(along line: Line) -> [Box] {
        let (width, height) = (line.to.x - line.from.x, line.to.y - line.from.y)
        let steps = max(1, (max(width.magnitude, height.magnitude) / cell).rounded(.up))
        return stride(from: 0, through: steps, by: 1).map { step in
            let (x, y) = (line.from.x + width * step / steps, line.from.y + height * step / steps)
            return Box(left: x - 0.5, top: y - 0.5, right: x + 0.5, bottom: y + 0.5)
        }
    }

    private func cells(of box: Box) -> (across: ClosedRange<Int>, down: ClosedRange<Int>) {
        func cell(_ coordinate: Double, _ count: Int) -> Int {
            Int(min(max((coordinate / Self.cell).rounded(.down), 0), Double(count - 1)))
        }
        let (left, right) = (cell(box.left - bounds.left, columns), cell(box.right - bounds.left, columns))
        let (top, bottom) = (cell(box.top - bounds.top, rows), cell(box.bottom - bounds.top, rows))
        return (left...max(left, right), top...max(top, bottom))
    }
}

/// A place for a label: the start of its base line, and its box.
struct LabelPlace {
    var x, y: Double
    var box: LabelPlacement.Box
    /// The line from a distant label to its marker.
    var leader: LabelPlacement.Line?

    /// A text whose base line starts at a point.
    init(x: Double, y: Double, width: Double, font: ChartFont) {
        self.x = x
        self.y = y
        box = .init(left: x, top: y - font.ascent, right: x + width, bottom: y + font.descent)
    }

    /// The places around a marker, best first.
    static func around(x: Double, y: Double, reach: Double, width: Double, font: ChartFont) -> [LabelPlace] {
        // Two more pixels than the gap, since the map has squares of that size.
        let gap = reach + 3
        let (right, left, centre) = (x + gap, x - gap - width, x - width / 2)
        let (middle, above, below) = (y + font.size * 0.32, y - gap - font.descent, y + gap + font.ascent)
        return [
            (right, middle), (left, middle), (centre, above), (centre, below), (right - 3, above + 3),
            (left + 3, above + 3), (right - 3, below - 3), (left + 3, below - 3),
        ].map { LabelPlace(x: $0.0, y: $0.1, width: width, font: font) }
    }

    /// The places further away from a marker, nearest first, each with a line to it.
    static func awayFrom(x: Double, y: Double, reach: Double, width: Double, font: ChartFont) -> [LabelPlace] {
        // Multiples of 45 degrees; sines and cosines of other angles differ between machines.
        let slant = 0.5.squareRoot()
        let directions = [
            (slant, -slant), (slant, slant), (-slant, -slant), (-slant, slant), (1.0, 0.0), (-1, 0), (0, -1), (0, 1),
        ]
        return [16.0, 28, 42, 60].flatMap { distance in
            directions.map { across, down in
                let end = (x: x + across * (reach + distance), y: y + down * (reach + distance))
                let left = across > 0 ? end.x + 3 : across < 0 ? end.x - 3 - width : end.x - width / 2
                let base = across != 0 ? font.size * 0.32 : down < 0 ? -font.descent - 3 : font.ascent + 3
                var place = LabelPlace(x: left, y: end.y + base, width: width, font: font)
                // Two more pixels from the marker, whose squares are taken.
                place.leader = (from: (x + across * (reach + 4), y + down * (reach + 4)), to: end)
                return place
            }
        }
    }
}
