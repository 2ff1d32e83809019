/// The cost of one inference of a network on a GPU. Times are in milliseconds, as in device files.
package struct NetworkCost: Hashable, Sendable, Codable {
    /// Host time to launch all its kernels, in ms, when nothing else launches in the context.
    package var launchMs: Double
    /// Work in SM·ms: the time of its kernels on one SM.
    package var workSMms: Double
    /// The number of SMs that it keeps busy at batch 1.
    package var parallelism: Double
    /// The number of SMs that it keeps busy at a large batch.
    package var batchedParallelism: Double
    /// The share of all SMs at which its traffic uses the full memory bandwidth; 1 if it never does.
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

    /// The number of SMs that a batch keeps busy: `parallelism` at batch 1, then proportional to the batch, with
    /// `batchedParallelism` as the limit (docs/gpu-model.md, equation 7).
    package func parallelism(batch: Int) -> Double {
        func fourth(_ x: Double) -> Double { x * x * x * x }
        guard parallelism < batchedParallelism * 0.999 else { return parallelism }
        let limit = 1 / fourth(batchedParallelism)
        let single = 1 / fourth(parallelism) - limit
        return 1 / (single / fourth(Double(batch)) + limit).squareRoot().squareRoot()
    }

    /// The costs of its stages when cut into `stages` stages of equal work.
    package func stages(_ stages: Int, batch: Int) -> [StageCost] {
        let cost = StageCost(
            launch: launchMs * 1e6 / Double(stages), work: workSMms * 1e6 * Double(batch) / Double(stages),
            parallelism: parallelism(batch: batch), bandwidthShare: bandwidthShare)
        return Array(repeating: cost, count: stages)
    }
}

/// The cost of a stage on a GPU at its batch size.
package struct StageCost: Hashable, Sendable {
    /// Host time to launch its kernels when nothing else launches in its context, in ns.
    package var launch: Double
    /// Its work in SM·ns: its time on one SM.
    package var work: Double
    /// The largest number of SMs that it can keep busy.
    package var parallelism: Double
    /// The share of all SMs at which its traffic uses the full memory bandwidth; 1 if it never does.
    package var bandwidthShare: Double

    /// A stage's cost.
    package init(launch: Double, work: Double, parallelism: Double, bandwidthShare: Double = 1) {
        self.launch = launch
        self.work = work
        self.parallelism = parallelism
        self.bandwidthShare = bandwidthShare
    }
}
