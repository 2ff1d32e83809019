/// The part of a scatter chart below its header: axes, lines, points and their labels.
struct ScatterPlot {
    /// The limit of labels with which those without space beside their points are moved further away.
    private static let mostLeaders = 40

    private let chart: ScatterChart
    private let horizontal: HorizontalAxis
    private let vertical: ValueAxis
    /// The top and bottom of the plot, and the base line of the vertical axis' title.
    private let top, bottom, titleBase: Double

    private var left: Double { horizontal.left }
    private var right: Double { horizontal.right }

    init(chart: ScatterChart, headerEnd: Double, width: Double) {
        self.chart = chart
        let points = chart.series.flatMap(\.points).filter { point in
            point.x.isFinite && point.y.isFinite && chart.xRange?.contains(point.x) ?? true
                && chart.yRange?.contains(point.y) ?? true
        }
        let xs = points.map(\.x) + chart.verticalLines.map(\.value)
        let ys = points.map(\.y) + chart.horizontalLines.map(\.value)
        let isShared = chart.hasDiagonal && chart.xRange == nil && chart.yRange == nil

        titleBase = headerEnd + ChartFont.heading.size + 4
        top = chart.yTitle.isEmpty ? headerEnd + 10 : titleBase + 12
        let vertical =
            chart.yRange.flatMap { ValueAxis($0, intervals: 8) }
            ?? ValueAxis(covering: isShared ? xs + ys : ys, intervals: 8)
        self.vertical = vertical
        let left = ChartCanvas.margin + max(20, vertical.labelWidth(.label) + 8)
        // The margin at the right is for half of the last label of the axis.
        horizontal = HorizontalAxis(left: left, right: width - ChartCanvas.margin - 24) { intervals in
            if isShared { return vertical }
            return chart.xRange.flatMap { ValueAxis($0, intervals: intervals) }
                ?? ValueAxis(covering: xs, intervals: intervals)
        }
        bottom = top + (chart.hasDiagonal ? horizontal.right - left : 400)
    }

    /// Draws the plot.
    ///
    /// - Returns: Its lower end.
    func draw(on canvas: inout ChartCanvas) -> Double {
        var placement = LabelPlacement(
            bounds: .init(left: left, top: top - 6, right: right + 20, bottom: bottom + 6))
        drawAxes(on: &canvas)
        drawEmptyNote(on: &canvas, placement: &placement)
        drawReferences(on: &canvas, placement: &placement)
        for index in chart.series.indices { drawSeries(index, on: &canvas, placement: &placement) }
        drawReferenceLabels(on: &canvas, placement: &placement)
        drawLabels(on: &canvas, placement: &placement)
        return drawFoot(on: &canvas)
    }

    private func y(_ value: Double) -> Double { vertical.position(value, from: bottom, to: top) }

    private func isShown(_ point: ScatterChart.Point) -> Bool {
        // Comparisons with NaN are false, and axes are finite.
        horizontal.axis.contains(point.x) && vertical.contains(point.y)
    }

    private func drawAxes(on canvas: inout ChartCanvas) {
        let width = right - ChartCanvas.margin
        canvas.shortText(chart.yTitle, width: width, x: ChartCanvas.margin, y: titleBase, font: .heading)
        horizontal.drawGrid(top: top, bottom: bottom, on: &canvas)
        horizontal.drawLabels(y: bottom + HorizontalAxis.labelHeight, on: &canvas)
        for tick in vertical.ticks {
            let y = y(tick.value)
            canvas.line(from: (left, y), to: (right, y), style: tick.value == 0 ? "axis" : "grid")
            canvas.text(
                tick.label, x: left - 8, y: y + ChartFont.label.size * 0.35, font: .label, style: "quiet", anchor: .end)
        }
        canvas.line(from: (left, bottom), to: (right, bottom), style: "axis")
        canvas.line(from: (left, top), to: (left, bottom), style: "axis")
    }

    /// Draws a note if there are no points.
    private func drawEmptyNote(on canvas: inout ChartCanvas, placement: inout LabelPlacement) {
        guard !chart.series.contains(where: { $0.points.contains(where: isShown) }) else { return }
        let (text, font) = ("no points", ChartFont.subtitle)
        let width = font.width(of: text)
        let place = LabelPlace(x: (left + right - width) / 2, y: (top + bottom) / 2, width: width, font: font)
        canvas.text(text, x: place.x, y: place.y, font: font, style: "quiet halo")
        placement.take(place.box)
    }

    private func drawReferences(on canvas: inout ChartCanvas, placement: inout LabelPlacement) {
        var lines: [(LabelPlacement.Line, label: String)] = []
        for line in chart.verticalLines where horizontal.axis.contains(line.value) {
            let x = horizontal.x(line.value)
            lines.append((((x, bottom), (x, top)), line.label))
        }
        for line in chart.horizontalLines where vertical.contains(line.value) {
            lines.append((((left, y(line.value)), (right, y(line.value))), line.label))
        }
        let start = max(horizontal.axis.lower, vertical.lower)
        let end = min(horizontal.axis.upper, vertical.upper)
        if chart.hasDiagonal, start < end {
            lines.append((((horizontal.x(start), y(start)), (horizontal.x(end), y(end))), "equal"))
        }
        for (line, label) in lines {
            canvas.line(from: line.from, to: line.to, style: "reference", tooltip: label)
            placement.takeLine(line)
        }
    }

    private func drawSeries(_ index: Int, on canvas: inout ChartCanvas, placement: inout LabelPlacement) {
        let series = chart.series[index]
        let marker = chart.marker(of: index)
        let radius = radius(of: series)
        let reach = marker.reach(radius: radius)
        canvas.open(chart.style(of: index))
        if series.isConnected {
            // The line has a gap at a point that is left out.
            for run in series.points.split(whereSeparator: { !isShown($0) }) where run.count > 1 {
                let corners = run.map { (x: horizontal.x($0.x), y: y($0.y)) }
                canvas.polyline(corners, style: "line")
                for (from, to) in zip(corners, corners.dropFirst()) { placement.takeLine((from, to)) }
            }
        }
        for point in series.points where isShown(point) {
            let (x, y) = (horizontal.x(point.x), y(point.y))
            canvas.marker(marker, x: x, y: y, radius: radius, tooltip: tooltip(of: point, in: series))
            placement.take(
                .init(left: x - reach, top: y - reach, right: x + reach, bottom: y + reach),
                as: series.isBackground ? .background : .foreground)
        }
        canvas.close()
    }

    private func tooltip(of point: ScatterChart.Point, in series: ScatterChart.Series) -> String {
        func named(_ title: String, _ value: Double) -> String {
            (title.isEmpty ? "" : title + ": ") + ChartNumber.exact(value)
        }
        let values = [named(chart.xTitle, point.x), named(chart.yTitle, point.y)]
        return ([series.name, point.label ?? ""].filter { !$0.isEmpty } + values).joined(separator: " · ")
    }

    private func radius(of series: ScatterChart.Series) -> Double {
        let count = chart.series.reduce(0) { $0 + $1.points.count }
        return count > 1_500 ? 2 : series.isBackground || series.points.count > 200 ? 3 : 4
    }

    private func drawLabels(on canvas: inout ChartCanvas, placement: inout LabelPlacement) {
        let font = ChartFont.label
        let count = chart.series.reduce(0) { $0 + $1.points.count { $0.label != nil } }
        for (index, series) in chart.series.enumerated() {
            let reach = chart.marker(of: index).reach(radius: radius(of: series))
            for point in series.points where isShown(point) {
                guard let label = point.label, !label.isEmpty else { continue }
                let text = font.truncated(label, to: 160, tail: 0.3)
                let width = font.width(of: text)
                let (x, y) = (horizontal.x(point.x), y(point.y))
                let near = LabelPlace.around(x: x, y: y, reach: reach, width: width, font: font)
                // Many lines from labels to points are worse than missing labels.
                let far =
                    count > Self.mostLeaders
                    ? [] : LabelPlace.awayFrom(x: x, y: y, reach: reach, width: width, font: font)
                guard
                    let place = near.first(where: { placement.hasRoom(for: $0.box) })
                        ?? near.first(where: { placement.hasRoom(for: $0.box, besides: .foreground) })
                        ?? far.first(where: { place in
                            placement.hasRoom(for: place.box, besides: .foreground)
                                && place.leader.map(placement.hasRoom) ?? true
                        })
                else { continue }
                placement.take(place.box)
                if let leader = place.leader {
                    canvas.line(from: leader.from, to: leader.to, style: "leader")
                    placement.takeLine(leader)
                }
                canvas.text(text, x: place.x, y: place.y, font: font, style: "ink halo")
            }
        }
    }

    /// Draws the labels of the reference lines, at an end if there is space, else nearer to the middle.
    private func drawReferenceLabels(on canvas: inout ChartCanvas, placement: inout LabelPlacement) {
        let font = ChartFont.label
        let shares = [0.0, 0.25, 0.5, 0.75, 1]
        func draw(_ label: String, at place: (_ width: Double) -> [LabelPlace]) {
            let text = font.truncated(label, to: 200, tail: 0.3)
            let places = place(font.width(of: text))
            guard let place = places.first(where: { placement.hasRoom(for: $0.box) }) else { return }
            placement.take(place.box)
            canvas.text(text, x: place.x, y: place.y, font: font, style: "quiet halo")
        }
        for line in chart.horizontalLines where vertical.contains(line.value) {
            draw(line.label) { width in
                shares.flatMap { share in
                    let x = right - 6 - width - share * (right - left - 12 - width)
                    return [y(line.value) - 6, y(line.value) + 4 + font.ascent].map {
                        LabelPlace(x: x, y: $0, width: width, font: font)
                    }
                }
            }
        }
        for line in chart.verticalLines where horizontal.axis.contains(line.value) {
            draw(line.label) { width in
                shares.flatMap { share in
                    let y = top + 6 + font.ascent + share * (bottom - top - 16 - font.size)
                    return [horizontal.x(line.value) + 6, horizontal.x(line.value) - 6 - width].map {
                        LabelPlace(x: $0, y: y, width: width, font: font)
                    }
                }
            }
        }
    }

    private func drawFoot(on canvas: inout ChartCanvas) -> Double {
        var end = bottom + HorizontalAxis.labelHeight + 4
        if !chart.xTitle.isEmpty {
            end += 18
            canvas.shortText(
                chart.xTitle, width: right - left, x: (left + right) / 2, y: end, font: .heading, anchor: .middle)
        }
        let hidden = chart.series.reduce(0) { $0 + $1.points.count { !isShown($0) } }
        if hidden > 0 {
            end += 20
            let note = Figure.counted(hidden, "point") + " not shown: outside the axes, or not a finite number"
            canvas.text(note, x: ChartCanvas.margin, y: end, font: .label, style: "quiet")
        }
        return end
    }
}
