/// An SVG picture under construction: shapes in pixels from the top left corner.
///
/// Every coordinate has one decimal, so that the same chart gives the same text everywhere.
struct ChartCanvas {
    enum Anchor: String { case start, middle, end }

    /// The free space at each side.
    static let margin = 16.0

    let width: Double
    private var body = ""

    init(width: Double) { self.width = width }

    /// Opens a group; `close` ends it.
    mutating func open(_ style: String) { body += "<g class=\"\(style)\">\n" }

    mutating func close() { body += "</g>\n" }

    /// Adds one line of text, with the start, the middle or the end of its base line at a point.
    ///
    /// - Parameter tooltip: The tool tip, such as the full text.
    mutating func text(
        _ text: String, x: Double, y: Double, font: ChartFont, style: String = "ink", anchor: Anchor = .start,
        tooltip: String? = nil
    ) {
        guard !text.isEmpty else { return }
        let side = anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\""
        let attributes = "class=\"\(font.rawValue) \(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\"\(side)"
        body += "<text \(attributes)>\(Self.title(tooltip))\(Self.escaped(text))</text>\n"
    }

    /// Adds a text of at most `width` pixels; the tool tip has the full text.
    mutating func shortText(
        _ text: String, width: Double, x: Double, y: Double, font: ChartFont, style: String = "ink",
        anchor: Anchor = .start
    ) {
        let short = font.truncated(text, to: width, tail: 0.3)
        self.text(short, x: x, y: y, font: font, style: style, anchor: anchor, tooltip: short == text ? nil : text)
    }

    mutating func line(from: (x: Double, y: Double), to: (x: Double, y: Double), style: String, tooltip: String? = nil)
    {
        let points =
            "x1=\"\(Self.number(from.x))\" y1=\"\(Self.number(from.y))\" x2=\"\(Self.number(to.x))\""
            + " y2=\"\(Self.number(to.y))\""
        body += Self.element("line", "class=\"\(style)\" \(points)", tooltip)
    }

    /// Adds straight lines from point to point.
    mutating func polyline(_ points: [(x: Double, y: Double)], style: String) {
        let list = points.map { Self.number($0.x) + "," + Self.number($0.y) }.joined(separator: " ")
        body += Self.element("polyline", "class=\"\(style)\" points=\"\(list)\"", nil)
    }

    mutating func rectangle(
        x: Double, y: Double, width: Double, height: Double, style: String, tooltip: String? = nil
    ) {
        let attributes =
            "class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(width))\""
            + " height=\"\(Self.number(height))\""
        body += Self.element("rect", attributes, tooltip)
    }

    mutating func marker(_ marker: ChartMarker, x: Double, y: Double, radius: Double, tooltip: String? = nil) {
        func path(_ corners: (Double, Double)..., closed: Bool = true) -> String {
            let moves = corners.map { Self.number(x + $0 * radius) + " " + Self.number(y + $1 * radius) }
            return "d=\"M" + moves.joined(separator: "L") + (closed ? "Z\"" : "\"")
        }
        let centre = "cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\""
        switch marker {
        case .circle:
            body += Self.element("circle", "class=\"mark\" \(centre) r=\"\(Self.number(radius))\"", tooltip)
        case .ring:
            body += Self.element("circle", "class=\"mark ring\" \(centre) r=\"\(Self.number(radius * 1.3))\"", tooltip)
        case .square:
            let square = path((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9))
            body += Self.element("path", "class=\"mark\" \(square)", tooltip)
        case .diamond:
            let diamond = path((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0))
            body += Self.element("path", "class=\"mark\" \(diamond)", tooltip)
        case .triangle:
            let triangle = path((0, -1.3), (1.2, 0.9), (-1.2, 0.9))
            body += Self.element("path", "class=\"mark\" \(triangle)", tooltip)
        case .cross:
            let strokes = "M\(Self.number(x - radius * 0.9)) \(Self.number(y - radius * 0.9))"
            let there = "L\(Self.number(x + radius * 0.9)) \(Self.number(y + radius * 0.9))"
            let back = "M\(Self.number(x - radius * 0.9)) \(Self.number(y + radius * 0.9))"
            let again = "L\(Self.number(x + radius * 0.9)) \(Self.number(y - radius * 0.9))"
            body += Self.element("path", "class=\"mark cross\" d=\"\(strokes)\(there)\(back)\(again)\"", tooltip)
        }
    }

    /// The whole picture of a height, on a background of its own colour.
    func document(height: Double, description: String) -> String {
        let (width, height) = (Int(width.rounded(.up)), Int(height.rounded(.up)))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" class="daris-chart" width="\(width)" height="\(height)" \
            viewBox="0 0 \(width) \(height)" role="img" aria-label="\(Self.escaped(description))">
            <style>
            \(ChartStyle.sheet)
            </style>
            <rect class="page" x="0" y="0" width="\(width)" height="\(height)"/>
            \(body)</svg>

            """
    }

    /// A coordinate.
    private static func number(_ value: Double) -> String { Figure.fixed(value, decimals: 1) }

    private static func title(_ tooltip: String?) -> String {
        tooltip.map { "<title>\(escaped($0))</title>" } ?? ""
    }

    private static func element(_ name: String, _ attributes: String, _ tooltip: String?) -> String {
        guard let tooltip else { return "<\(name) \(attributes)/>\n" }
        return "<\(name) \(attributes)>\(title(tooltip))</\(name)>\n"
    }

    /// Text in XML, without characters that could hide or reverse other text.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.printable.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            // Two characters that are no control characters, but invalid in XML.
            case "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
