import Foundation
import Testing

@testable import DarisReport

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// An SVG picture, read back: what is drawn where.
struct Picture {
    struct Box {
        var left, top, right, bottom: Double

        func overlaps(_ other: Box) -> Bool {
            left < other.right && other.left < right && top < other.bottom && other.top < bottom
        }

        func contains(x: Double, y: Double) -> Bool { x > left && x < right && y > top && y < bottom }
    }

    struct Element {
        var name: String
        var attributes: [String: String]
        /// The classes of the element and of the groups around it.
        var classes: [String]
        var text = ""
        /// The tool tip.
        var title: String?

        func number(_ key: String) -> Double { attributes[key].flatMap(Double.init) ?? .nan }

        /// The numbers of a path or a polyline, in pairs.
        var corners: [(x: Double, y: Double)] {
            let list = attributes["points"] ?? attributes["d"] ?? ""
            let numbers = list.split(whereSeparator: { !"-0123456789.".contains($0) }).compactMap { Double($0) }
            return stride(from: 0, to: numbers.count - 1, by: 2).map { (numbers[$0], numbers[$0 + 1]) }
        }

        var box: Box? {
            switch name {
            case "text":
                guard let font = classes.compactMap(ChartFont.init).last else { return nil }
                let width = font.width(of: text)
                let shares: [String: Double] = ["middle": 0.5, "end": 1]
                let share = shares[attributes["text-anchor"] ?? "start", default: 0]
                let (left, base) = (number("x") - share * width, number("y"))
                return Box(left: left, top: base - font.ascent, right: left + width, bottom: base + font.descent)
            case "line":
                return Self.bounds(of: [(number("x1"), number("y1")), (number("x2"), number("y2"))])
            case "circle":
                let radius = number("r")
                return Box(
                    left: number("cx") - radius, top: number("cy") - radius, right: number("cx") + radius,
                    bottom: number("cy") + radius)
            case "rect":
                let (left, top) = (number("x"), number("y"))
                return Box(left: left, top: top, right: left + number("width"), bottom: top + number("height"))
            case "path", "polyline": return Self.bounds(of: corners)
            default: return nil
            }
        }

        var centre: (x: Double, y: Double) {
            box.map { (($0.left + $0.right) / 2, ($0.top + $0.bottom) / 2) } ?? (.nan, .nan)
        }

        private static func bounds(of points: [(x: Double, y: Double)]) -> Box {
            let (xs, ys) = (points.map(\.x), points.map(\.y))
            return Box(left: xs.min() ?? .nan, top: ys.min() ?? .nan, right: xs.max() ?? .nan, bottom: ys.max() ?? .nan)
        }
    }

    let elements: [Element]

    /// Fails unless the text is well-formed XML.
    init(_ svg: String) throws {
        let reader = Reader()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = reader
        let isWellFormed = parser.parse()
        try #require(isWellFormed, "\(parser.parserError.map(String.init(describing:)) ?? "not XML")")
        elements = reader.elements
    }

    var root: Element { elements[0] }
    var texts: [Element] { elements.filter { $0.name == "text" } }
    /// The points, without the samples in the legend.
    var points: [Element] { elements.filter { $0.classes.contains("mark") && $0.title != nil } }
    var bars: [Element] { elements.filter { $0.classes.contains("bar") && $0.title != nil } }

    /// Checks what every chart must keep to: nothing outside the picture, no text on other text, no small text.
    func checkLayout(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(root.name == "svg" && root.attributes["role"] == "img", sourceLocation: sourceLocation)
        let (width, height) = (root.number("width"), root.number("height"))
        #expect(root.attributes["viewBox"] == "0 0 \(Int(width)) \(Int(height))", sourceLocation: sourceLocation)
        for element in elements {
            guard let box = element.box else { continue }
            let isInside = box.left >= 0 && box.top >= 0 && box.right <= width && box.bottom <= height
            #expect(
                isInside, "\(element.name) \(element.text) \(box) in \(width) × \(height)",
                sourceLocation: sourceLocation)
        }
        let boxes = texts.compactMap { element in element.box.map { (element.text, $0) } }
        #expect(boxes.count == texts.count, "a text without a font", sourceLocation: sourceLocation)
        for (index, (text, box)) in boxes.enumerated() {
            for (other, otherBox) in boxes[..<index] {
                #expect(!box.overlaps(otherBox), "‘\(text)’ and ‘\(other)’", sourceLocation: sourceLocation)
            }
        }
    }
}

private final class Reader: NSObject, XMLParserDelegate {
    var elements: [Picture.Element] = []
    private var open: [Int] = []
    private var titleText: String?

    func parser(
        _: XMLParser, didStartElement name: String, namespaceURI _: String?, qualifiedName _: String?,
        attributes: [String: String] = [:]
    ) {
        if name == "title" {
            titleText = ""
            return
        }
        // The class of the picture itself says nothing of what is in it.
        let own = name == "svg" ? [] : (attributes["class"] ?? "").split(separator: " ").map(String.init)
        let outer = open.last.map { elements[$0].classes } ?? []
        open.append(elements.count)
        elements.append(.init(name: name, attributes: attributes, classes: outer + own))
    }

    func parser(_: XMLParser, foundCharacters string: String) {
        if titleText != nil {
            titleText! += string
        } else if let last = open.last {
            elements[last].text += string
        }
    }

    func parser(_: XMLParser, didEndElement name: String, namespaceURI _: String?, qualifiedName _: String?) {
        if name == "title", let last = open.last {
            elements[last].title = titleText
            titleText = nil
        } else {
            open.removeLast()
        }
    }
}
