import CUDADriver
import DarisCore
import DarisRuntime
import DarisSimulator

extension GPUProfile {
    /// A profile without networks. What only a data sheet has is guessed for cards that are not known, and the title says
    /// so.
    ///
    /// - Parameters:
    ///   - context: of the GPU; `nil` for a rehearsal on this CPU.
    ///   - megahertz: its clock, from which the peak rate is guessed.
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
