/// The figures of a card that only its data sheet has.
struct DataSheet: Hashable {
    /// Peak single-precision rate in TFLOP/s.
    var peakTFLOPS: Double
    /// Peak memory bandwidth in GB/s.
    var bandwidthGBs: Double

    /// Cards by a part of their names; the first that fits counts.
    private static let cards: [(part: String, sheet: DataSheet)] = [
        ("H200", DataSheet(peakTFLOPS: 66.9, bandwidthGBs: 4_800)),
        ("H100 80GB HBM3", DataSheet(peakTFLOPS: 66.9, bandwidthGBs: 3_350)),
        ("A100-SXM4-80GB", DataSheet(peakTFLOPS: 19.5, bandwidthGBs: 2_039)),
        ("A100", DataSheet(peakTFLOPS: 19.5, bandwidthGBs: 1_555)),
        ("RTX 2080 Ti", DataSheet(peakTFLOPS: 13.45, bandwidthGBs: 616)),
    ]

    /// The figures of a card, or `nil` if it is not known here.
    static func of(_ name: String) -> DataSheet? { cards.first { name.contains($0.part) }?.sheet }
}
