/// The style sheet of all charts, with light and dark colours; the viewer chooses.
enum ChartStyle {
    /// The number of colours for series.
    static let colours = 6

    /// The class of background points.
    static let background = "background"

    /// The class of a series.
    static func series(_ index: Int) -> String { "s\(index % colours)" }

    // The colours of Okabe and Ito, darkened or lightened for contrast with the page.
    private static let light = Palette(
        page: "#ffffff", ink: "#1b1f24", quiet: "#57606a", grid: "#e4e7eb", axis: "#8c959f", background: "#aab3bc",
        series: ["#0072b2", "#d55e00", "#00805f", "#a8478a", "#8a6d00", "#4d5761"])
    private static let dark = Palette(
        page: "#14171c", ink: "#e8eaed", quiet: "#a2abb5", grid: "#2b3138", axis: "#6b7480", background: "#59626c",
        series: ["#56b4e9", "#f0864a", "#2fc597", "#e08bc0", "#f0d050", "#c0c6cc"])

    static var sheet: String {
        let fonts = ChartFont.allCases.map { font in
            ".daris-chart .\(font.rawValue){font-size:\(Int(font.size))px\(font.isBold ? ";font-weight:600" : "")}"
        }
        return """
            .daris-chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
            \(fonts.joined(separator: "\n"))
            .daris-chart .grid{stroke-width:1}
            .daris-chart .axis{stroke-width:1}
            .daris-chart .span{stroke-width:2.5}
            .daris-chart .reference{stroke-width:1.2;stroke-dasharray:5 4}
            .daris-chart .line{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linejoin:round}
            .daris-chart .mark,.daris-chart .bar{fill:currentColor}
            .daris-chart .mark{stroke-width:.8}
            .daris-chart .ring,.daris-chart .cross{stroke:currentColor;stroke-width:1.8}
            .daris-chart .cross{fill:none}
            .daris-chart .leader{stroke-width:.8}
            .daris-chart .halo{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}
            \(light.rules.joined(separator: "\n"))
            @media (prefers-color-scheme:dark){
            \(dark.rules.joined(separator: "\n"))
            }
            """
    }
}

private struct Palette {
    let page, ink, quiet, grid, axis, background: String
    let series: [String]

    var rules: [String] {
        [
            ".page,.ring{fill:\(page)}", ".ink{fill:\(ink)}", ".quiet{fill:\(quiet)}", ".grid{stroke:\(grid)}",
            ".axis,.span{stroke:\(axis)}", ".background{color:\(background)}", ".reference,.leader{stroke:\(quiet)}",
            ".mark:not(.ring):not(.cross),.halo{stroke:\(page)}",
        ].map { rule in
            // Each selector of a rule needs the scope.
            ".daris-chart " + rule.split(separator: ",.").joined(separator: ",.daris-chart .")
        }
            + series.enumerated().map { ".daris-chart .s\($0.offset){color:\($0.element)}" }
    }
}

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

    /// The default shape of a series. With the colours, no two of the first 36 series look alike.
    static func standard(series: Int) -> ChartMarker {
        allCases[(series + series / ChartStyle.colours) % allCases.count]
    }

    /// The distance from the centre to the edge of a marker of this shape and radius, with its stroke.
    func reach(radius: Double) -> Double {
        switch self {
        case .circle, .square, .cross: radius + 1
        case .ring: radius * 1.3 + 1
        case .diamond, .triangle: radius * 1.35 + 1
        }
    }
}
