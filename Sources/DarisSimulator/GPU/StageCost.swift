/// What a stage asks of a GPU at its batch size.
package struct StageCost: Hashable, Sendable {
    /// Host time to launch its kernels when nothing else launches in its context, in ns.
    package var launch: Double
    /// Its work in SM·ns: the time it would take on one SM.
    package var work: Double
    /// The most SMs it can keep busy.
    package var parallelism: Double
    /// The share of all SMs at which its memory traffic would use up the bandwidth; 1 if it never does.
    package var bandwidthShare: Double

    /// A stage's cost.
    package init(launch: Double, work: Double, parallelism: Double, bandwidthShare: Double = 1) {
        self.launch = launch
        self.work = work
        self.parallelism = parallelism
        self.bandwidthShare = bandwidthShare
    }
}
