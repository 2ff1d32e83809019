import Testing

@testable import DarisReport

@Suite("Dot charts")
struct DotChartTests {
    @Test("sixty rows stand in the order given, each with its values and the line between them")
    func rows() throws {
        let rows = (0..<60).map { number in
            DotChart.Row(
                name: "\(number)×1 OS \(number)", values: [377 + Double(number) * 12, 400 + Double(number) * 11],
                note: "+\(number) %")
        }
        let chart = DotChart(
            title: "t", valueTitle: "JPS", series: ["published", "simulated"], rows: rows, noteTitle: "difference")
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        #expect(picture.points.count == 120)
        #expect(picture.elements.count { $0.classes == ["span"] } == 60)
        let names = picture.texts.filter { $0.text.contains("×1 OS") }
        #expect(names.map(\.text) == rows.map(\.name))
        #expect(zip(names, names.dropFirst()).allSatisfy { $0.number("y") < $1.number("y") })
        for (row, point) in picture.points.enumerated() {
            #expect((point.centre.y - names[row / 2].number("y")).magnitude < 6)
        }
        #expect(picture.points[1].title == "0×1 OS 0 · simulated: 400")
        // The axis is at both ends of so high a picture.
        #expect(picture.texts.count { $0.text == "600" } == 2)
    }

    @Test("values that are missing or not finite are left out, and equal ones lie on each other")
    func missing() throws {
        let chart = DotChart(
            title: "t", valueTitle: "JPS", series: ["published", "simulated"],
            rows: [
                .init(name: "a", values: [nil, 5]), .init(name: "b", values: [.nan, .infinity]),
                .init(name: "c", values: [7, 7]),
            ])
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        #expect(picture.points.map(\.title) == ["a · simulated: 5", "c · published: 7", "c · simulated: 7"])
        #expect(picture.points[1].centre == picture.points[2].centre)
    }

    @Test("a chart without rows, series or values is still a picture")
    func empty() throws {
        for chart in [
            DotChart(title: "t", valueTitle: "JPS", series: ["published"], rows: []),
            DotChart(title: "", valueTitle: "", series: [], rows: [.init(name: "a", values: [])]),
            DotChart(title: "t", valueTitle: "JPS", series: ["a"], rows: [.init(name: "a", values: [nil])]),
        ] {
            let picture = try Picture(chart.svg())
            picture.checkLayout()
            #expect(picture.points.isEmpty)
        }
    }

    @Test("any chart is a good picture, and the same one each time", arguments: 0..<60 as Range<UInt64>)
    func anything(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let words = [
            "", "a<b>&\"c\"", "模型 × 🚗", "a much longer name than others have", String(repeating: "W", count: 99),
        ]
        func word() -> String { words.randomElement(using: &generator)! }
        let series = (0..<Int.random(in: 0...7, using: &generator)).map { _ in word() }
        let scale = [1, 1e-9, 1e9, 1e200, 100].randomElement(using: &generator)!
        let offset = [0, 0, 1e6].randomElement(using: &generator)! * scale
        let rows = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
            DotChart.Row(
                name: word(),
                values: series.map { _ in
                    let special: [Double?] = [nil, .nan, .infinity, 0]
                    return Bool.random(using: &generator)
                        ? special.randomElement(using: &generator)!
                        : offset + .random(in: -1...1, using: &generator) * scale
                }, note: word())
        }
        let chart = DotChart(
            title: word(), subtitle: word(), valueTitle: word(), series: series, rows: rows, noteTitle: word())
        let picture = try Picture(chart.svg())
        picture.checkLayout()
        #expect(picture.points.count == rows.flatMap(\.values).compactMap(\.self).count(where: \.isFinite))
        #expect(chart.svg() == chart.svg())
    }
}
