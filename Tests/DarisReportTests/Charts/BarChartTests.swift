import Testing

@testable import DarisReport

@Suite("Bar charts")
struct BarChartTests {
    private static let categories = ["Daris", "no stages", "no migration"]

    @Test("a bar is as long as its value, says it at its end, and a missing value is a dash")
    func bars() throws {
        let chart = BarChart(
            title: "t", categories: Self.categories + ["failed"],
            panels: [.init(title: "LP DMR", unit: "%", groups: [.init(values: [2.5, 20, nil, .nan])])])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        let widths = picture.bars.map { $0.number("width") }
        try #require(widths.count == 2)
        #expect((widths[1] / widths[0] - 8).magnitude < 0.1)
        let texts = picture.texts.map(\.text)
        #expect(Set(["LP DMR, %", "2.5", "20.0"] + Self.categories).isSubset(of: texts))
        #expect(texts.count { $0 == "–" } == 2)
        #expect(picture.bars[0].title == "Daris · LP DMR: 2.5 %")
    }

    @Test("negative bars go to the left of zero, with their values at the left")
    func negative() throws {
        let chart = BarChart(
            title: "t", categories: Self.categories,
            panels: [.init(title: "change", groups: [.init(values: [-12, 4, 0])])])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        let boxes = picture.bars.compactMap(\.box)
        #expect((boxes[0].right - boxes[1].left).magnitude < 0.2)
        #expect(boxes[2].left == boxes[2].right)
        let label = try #require(picture.texts.first { $0.text == "-12" && $0.classes.contains("ink") }?.box)
        #expect(label.right < boxes[0].left)
    }

    @Test("a small value does not look like zero")
    func tiny() throws {
        let chart = BarChart(
            title: "t", categories: Self.categories,
            panels: [.init(title: "DMR", groups: [.init(values: [0.0001, 90, 0])], decimals: 1)])
        let picture = try Picture(chart.svg())
        #expect(picture.bars[0].number("width") >= 1)
        #expect(picture.bars[2].number("width") == 0)
        #expect(picture.texts.contains { $0.text == "0.0001" })
    }

    @Test("panels share the rows, and groups of one name the colour")
    func panels() throws {
        let groups: [BarChart.Group] = [
            .init(name: "over", values: [1, 2, 3]), .init(name: "under", values: [4, 5, 6]),
        ]
        let chart = BarChart(
            title: "t", categories: Self.categories,
            panels: [.init(title: "JPS", groups: groups), .init(title: "DMR", groups: groups.reversed())])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        #expect(
            picture.bars.map(\.classes.first) == [
                "s0", "s0", "s0", "s1", "s1", "s1", "s1", "s1", "s1", "s0", "s0", "s0",
            ])
        let rows = Dictionary(grouping: picture.bars) { $0.title?.split(separator: " · ").first.map(String.init) ?? "" }
        let heights = Self.categories.map { name in rows[name]?.map(\.centre.y) ?? [] }
        #expect(heights.allSatisfy { $0.count == 4 })
        #expect((heights[0].max() ?? 0) < (heights[1].min() ?? 0) && (heights[1].max() ?? 0) < (heights[2].min() ?? 0))
        #expect(Set(["over", "under"]).isSubset(of: picture.texts.map(\.text)))
    }

    @Test("the baseline's value is marked in each panel with a value")
    func baseline() throws {
        let chart = BarChart(
            title: "t", categories: Self.categories,
            panels: [
                .init(title: "JPS", groups: [.init(values: [30, 20, 40])]),
                .init(title: "DMR", groups: [.init(values: [nil, 2, 3])]),
            ], baseline: 0)
        let picture = try Picture(chart.svg())
        let lines = picture.elements.filter { $0.classes == ["reference"] }
        #expect(lines.map { $0.number("x1") } == [picture.bars[0].box?.right])
    }

    @Test("a chart without rows or panels is still a picture")
    func empty() throws {
        for chart in [
            BarChart(title: "t", categories: [], panels: []), BarChart(title: "", categories: ["a"], panels: []),
            BarChart(title: "t", categories: [], panels: [.init(title: "JPS", groups: [.init(values: [])])]),
            BarChart(title: "t", categories: ["a"], panels: [.init(title: "JPS", groups: [])]),
            BarChart(title: "t", categories: ["a"], panels: [.init(title: "JPS", groups: [.init(values: [nil])])]),
        ] {
            let picture = try Picture(chart.svg())
            picture.checkLayout()
            #expect(picture.bars.isEmpty)
        }
    }

    @Test("any chart is a good picture, and the same one each time", arguments: 0..<60 as Range<UInt64>)
    func anything(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let words = [
            "", "a<b>&\"c\"", "模型 × 🚗", "a much longer name than others have", String(repeating: "W", count: 99),
        ]
        func word() -> String { words.randomElement(using: &generator)! }
        let categories = (0..<Int.random(in: 0...12, using: &generator)).map { "\($0) " + word() }
        let panels = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
            let scale = [1, 1e-9, 1e9, 1e200, 100].randomElement(using: &generator)!
            let groups = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                BarChart.Group(
                    name: word(),
                    values: categories.map { _ in
                        let special: [Double?] = [nil, .nan, .infinity, 0, 1e7]
                        return Bool.random(using: &generator)
                            ? special.randomElement(using: &generator)! : .random(in: -1...1, using: &generator) * scale
                    })
            }
            return BarChart.Panel(
                title: word(), unit: word(), groups: groups, decimals: [nil, 0, 9].randomElement(using: &generator)!)
        }
        let chart = BarChart(title: word(), subtitle: word(), categories: categories, panels: panels)
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        let values = panels.flatMap(\.groups).flatMap(\.values).compactMap(\.self)
        #expect(picture.bars.count == values.count(where: \.isFinite))
        #expect(chart.svg() == chart.svg())
    }
}
