import Foundation
import Testing

@testable import DarisReport

@Suite("Scatter charts")
struct ScatterChartTests {
    @Test("every finite point is drawn once, where its values say, and tells them")
    func points() throws {
        let points: [ScatterChart.Point] = [.init(x: 0, y: 0), .init(x: 10, y: 20, label: "6×1"), .init(x: 5, y: 10)]
        let chart = ScatterChart(
            title: "t", xTitle: "JPS", yTitle: "DMR, %", series: [.init(name: "a", points: points)])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        let centres = picture.points.map(\.centre)
        #expect(centres.count == 3)
        #expect(centres[0].x < centres[2].x && centres[2].x < centres[1].x)
        #expect(centres[0].y > centres[2].y && centres[2].y > centres[1].y)
        #expect(((centres[0].x + centres[1].x) / 2 - centres[2].x).magnitude < 0.2)
        #expect(((centres[0].y + centres[1].y) / 2 - centres[2].y).magnitude < 0.2)
        #expect(picture.points[1].title == "a · 6×1 · JPS: 10 · DMR, %: 20")
        #expect(picture.texts.contains { $0.text == "6×1" })
    }

    @Test("points that are not finite or outside the axes are left out, counted, and break the line")
    func leftOut() throws {
        let values: [Double] = [1, 2, .nan, 3, 4, .infinity, 5, 99, -.infinity]
        let series = ScatterChart.Series(
            name: "a", points: values.map { .init(x: $0, y: 1) } + [.init(x: 1, y: .nan)], isConnected: true)
        let chart = ScatterChart(title: "t", xTitle: "x", yTitle: "y", series: [series], xRange: 0...10)
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        #expect(picture.points.count == 5)
        #expect(picture.elements.filter { $0.name == "polyline" }.map(\.corners.count) == [2, 2])
        #expect(picture.texts.contains { $0.text.hasPrefix("5 points not shown") })
    }

    @Test("equal values on both axes lie on the diagonal")
    func diagonal() throws {
        let points = [0.5, 3, 11].map { ScatterChart.Point(x: $0, y: $0) } + [.init(x: 2, y: 8)]
        let chart = ScatterChart(
            title: "t", xTitle: "x", yTitle: "y", series: [.init(name: "", points: points)], hasDiagonal: true)
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        let line = try #require(picture.elements.first { $0.classes == ["reference"] })
        let slope = (line.number("y2") - line.number("y1")) / (line.number("x2") - line.number("x1"))
        #expect((slope + 1).magnitude < 0.01)
        func distance(_ point: Picture.Element) -> Double {
            point.centre.y - line.number("y1") - slope * (point.centre.x - line.number("x1"))
        }
        #expect(picture.points.prefix(3).allSatisfy { distance($0).magnitude < 0.5 })
        #expect(distance(picture.points[3]) < -50)
    }

    @Test("reference lines are on the axes, and say what they are")
    func references() throws {
        let chart = ScatterChart(
            title: "t", xTitle: "x", yTitle: "y", series: [.init(name: "a", points: [.init(x: 1, y: 1)])],
            verticalLines: [.init(value: 7, label: "demand"), .init(value: .nan, label: "never")],
            horizontalLines: [.init(value: 2, label: "LP DMR 2 %")])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        #expect(picture.elements.filter { $0.classes == ["reference"] }.map(\.title) == ["demand", "LP DMR 2 %"])
        #expect(Set(["demand", "LP DMR 2 %"]).isSubset(of: picture.texts.map(\.text)))
    }

    @Test("a chart without points is a picture that says so", arguments: [0, 1, 2])
    func empty(count: Int) throws {
        let series = (0..<count).map { ScatterChart.Series(name: "s\($0)", points: [], isConnected: true) }
        for hasDiagonal in [true, false] {
            let chart = ScatterChart(title: "", xTitle: "", yTitle: "", series: series, hasDiagonal: hasDiagonal)
            let picture = try Picture(chart.svg())
            picture.checkLayout()
            #expect(picture.points.isEmpty)
            #expect(picture.texts.contains { $0.text == "no points" })
        }
    }

    @Test("external text cannot break the picture, and long text is shortened, with the full text in the tool tip")
    func hostileText() throws {
        let name = "<script>\"&'\u{0}\u{FFFE}\u{202E}\n]]>" + String(repeating: "long ", count: 80)
        let chart = ScatterChart(
            title: name, subtitle: name, xTitle: name, yTitle: name,
            series: [.init(name: name, points: [.init(x: 1, y: 1, label: name), .init(x: 9, y: 1, label: name)])],
            verticalLines: [.init(value: 5, label: name)], horizontalLines: [.init(value: 4, label: name)])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        #expect(!picture.elements.contains { $0.name == "script" })
        #expect(picture.points.count == 2)
        #expect(picture.points[0].title?.contains("<script>\"&'\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}]]>long") == true)
        #expect(picture.texts.contains { $0.text.hasPrefix("<scr") && $0.text.contains("…") && $0.title != nil })
        #expect(picture.root.attributes["aria-label"]?.hasPrefix("<script>") == true)
    }

    @Test(
        "labels cover no point but those of the background, no line, and each other never",
        arguments: 0..<20 as Range<UInt64>)
    func labelPlacement(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        func points(_ count: Int) -> [ScatterChart.Point] {
            (0..<count).map { number in
                .init(
                    x: .random(in: 600...1_130, using: &generator), y: .random(in: 0...20, using: &generator),
                    label: "\(number)×2 OS 6")
            }
        }
        let chart = ScatterChart(
            title: "t", xTitle: "x", yTitle: "y",
            series: [
                .init(name: "all", points: points(100).map { .init(x: $0.x, y: $0.y) }, isBackground: true),
                .init(name: "front", points: points(.random(in: 1...60, using: &generator))),
            ])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        let labels = picture.texts.filter { $0.text.hasSuffix("OS 6") }
        #expect(!labels.isEmpty)
        for point in picture.points where !point.classes.contains("background") {
            #expect(!labels.contains { $0.box?.contains(x: point.centre.x, y: point.centre.y) == true })
        }
    }

    @Test("any chart is a good picture, and the same one each time", arguments: 0..<60 as Range<UInt64>)
    func anything(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let words = [
            "", "a", "JPS", "模型 × 🚗", "a much longer name than others have", String(repeating: "W", count: 200),
        ]
        let scales = [1, 1e-12, 1e12, 1e300, 0.01, 1_000]
        func word() -> String { words.randomElement(using: &generator)! }
        func value() -> Double {
            let special: [Double] = [.nan, .infinity, 0, 1, -1]
            return Bool.random(using: &generator)
                ? special.randomElement(using: &generator)! : .random(in: -1...1, using: &generator)
        }
        let (xScale, yScale) = (scales.randomElement(using: &generator)!, scales.randomElement(using: &generator)!)
        let series = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
            ScatterChart.Series(
                name: word(),
                points: (0..<Int.random(in: 0...20, using: &generator)).map { _ in
                    .init(x: value() * xScale, y: value() * yScale, label: word())
                }, isConnected: .random(using: &generator),
                marker: ChartMarker.allCases.randomElement(using: &generator),
                isBackground: .random(using: &generator))
        }
        let chart = ScatterChart(
            title: word(), subtitle: word(), xTitle: word(), yTitle: word(), series: series,
            hasDiagonal: .random(using: &generator), xRange: Bool.random(using: &generator) ? nil : -0.5...0.5,
            verticalLines: [.init(value: value() * xScale, label: word())],
            horizontalLines: [.init(value: value() * yScale, label: word())])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        if chart.xRange == nil {
            let finite = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
            #expect(picture.points.count == finite.count)
        }
        #expect(chart.svg() == chart.svg())
    }

    @Test("thousands of labelled points in one place take no more than moments", .timeLimit(.minutes(15)))
    func manyPoints() throws {
        var generator = SeededGenerator(seed: 1)
        let points = (0..<5_000).map { number in
            ScatterChart.Point(
                x: .random(in: 0...1, using: &generator), y: number == 0 ? 100 : .random(in: 0...1, using: &generator),
                label: "point \(number)")
        }
        let chart = ScatterChart(title: "t", xTitle: "x", yTitle: "y", series: [.init(name: "a", points: points)])
        #expect(try Picture(chart.svg()).points.count == 5_000)
    }

    @Test("colours are there for light and for dark pages, and no colour is left out")
    func colours() throws {
        let sheet = ChartStyle.sheet
        let halves = sheet.components(separatedBy: "@media (prefers-color-scheme:dark)")
        try #require(halves.count == 2)
        for style in (0..<ChartStyle.colours).map(ChartStyle.series) + ["page", "ink", "quiet", "background"] {
            #expect(
                halves.allSatisfy { $0.contains(".daris-chart .\(style){") || $0.contains(".daris-chart .\(style),") })
        }
        #expect(ChartFont.allCases.allSatisfy { $0.size >= 11 })
    }
}
