/// What one inference of a network asks of a GPU. Times are in milliseconds, as in device files.
package struct NetworkCost: Hashable, Sendable, Codable {
    /// Host time to launch all its kernels, in ms, when nothing else launches in the context.
    package var launchMs: Double
    /// Work in SM·ms: the time its kernels would take on one SM.
    package var workSMms: Double
    /// The SMs it keeps busy at batch 1.
    package var parallelism: Double
    /// The SMs it keeps busy at a large batch.
    package var batchedParallelism: Double
    /// The share of all SMs it can use before memory bandwidth is used up: 1 if bandwidth never is.
    package var bandwidthShare: Double
    /// Memory for its weights and working buffers, in MiB.
    package var memoryMiB: Double

    /// The cost of a network.
    package init(
        launchMs: Double, workSMms: Double, parallelism: Double, batchedParallelism: Double, bandwidthShare: Double,
        memoryMiB: Double
    ) {
        self.launchMs = launchMs
        self.workSMms = workSMms
        self.parallelism = parallelism
        self.batchedParallelism = batchedParallelism
        self.bandwidthShare = bandwidthShare
        self.memoryMiB = memoryMiB
    }

    /// The SMs that a batch keeps busy: `parallelism` at batch 1, proportional to the batch at first, levelling off at
    /// `batchedParallelism` (docs/gpu-model.md, equation 7).
    package func parallelism(batch: Int) -> Double {
        func fourth(_ x: Double) -> Double { x * x * x * x }
        guard parallelism < batchedParallelism * 0.999 else { return parallelism }
        let limit = 1 / fourth(batchedParallelism)
        let single = 1 / fourth(parallelism) - limit
        return 1 / (single / fourth(Double(batch)) + limit).squareRoot().squareRoot()
    }

    /// The costs of the stages when it is cut into `stages` of equal work, as Daris cuts.
    package func stages(_ stages: Int, batch: Int) -> [StageCost] {
        let cost = StageCost(
            launch: launchMs * 1e6 / Double(stages), work: workSMms * 1e6 * Double(batch) / Double(stages),
            parallelism: parallelism(batch: batch), bandwidthShare: bandwidthShare)
        return Array(repeating: cost, count: stages)
    }
}
