import CUDADriver
import DarisCore
import DarisRuntime
import DarisSimulator

extension GPUProfile {
    /// A profile without networks. Figures of a data sheet are guessed for unknown cards, and the title says so.
    ///
    /// - Parameters:
    ///   - context: The GPU's context; `nil` for a rehearsal on this CPU.
    ///   - megahertz: The GPU's clock, for a guess of the peak rate.
    static func card(context: CUDAContext?, title: String, megahertz: Int?) -> GPUProfile {
        guard let context else {
            return GPUProfile(
                title: "rehearsal, no GPU: \(title)", processors: SystemRights.allowedProcessors().count,
                granularity: 1,
                memoryMiB: 1_024, peakTFLOPS: 1, bandwidthGBs: 10, networks: [])
        }
        let gpu = context.device
        let sheet = DataSheet.of(gpu.name)
        let guess = Double(gpu.multiprocessorCount) * 128 * 2 * Double(megahertz ?? 1_500) / 1e6
        return GPUProfile(
            title: title + (sheet == nil ? " (peak rate and bandwidth are guesses: put the data sheet's in)" : ""),
            processors: gpu.multiprocessorCount, granularity: (try? SMResource(of: context))?.leastPartition ?? 2,
            memoryMiB: Double(gpu.totalMemoryBytes >> 20), peakTFLOPS: sheet?.peakTFLOPS ?? guess,
            bandwidthGBs: sheet?.bandwidthGBs ?? 1_000, networks: [])
    }
}

/// The figures of a card that only its data sheet provides.
struct DataSheet: Hashable {
    /// Peak single-precision rate in TFLOP/s.
    var peakTFLOPS: Double
    /// Peak memory bandwidth in GB/s.
    var bandwidthGBs: Double

    /// Cards by a part of their names; the first match counts.
    private static let cards: [(part: String, sheet: DataSheet)] = [
        ("H200", DataSheet(peakTFLOPS: 66.9, bandwidthGBs: 4_800)),
        ("H100 80GB HBM3", DataSheet(peakTFLOPS: 66.9, bandwidthGBs: 3_350)),
        ("A100-SXM4-80GB", DataSheet(peakTFLOPS: 19.5, bandwidthGBs: 2_039)),
        ("A100", DataSheet(peakTFLOPS: 19.5, bandwidthGBs: 1_555)),
        ("RTX 2080 Ti", DataSheet(peakTFLOPS: 13.45, bandwidthGBs: 616)),
    ]

    /// The figures of a card, or `nil` if the card is unknown.
    static func of(_ name: String) -> DataSheet? { cards.first { name.contains($0.part) }?.sheet }
}
