import CUDADriver

/// A stage as a lane runs it: its layout, and how it gets onto the stream. A class, so that a launch copies one reference.
final class LaneProgram: Sendable {
    /// How a stage gets onto the stream.
    enum Launch: Sendable {
        /// All at once: one graph for HP jobs and one for LP jobs, whose kernels have the priority of that.
        case graph(high: ExecutableGraph, low: ExecutableGraph)
        /// Call by call, from a thread of the lane, since it takes the host as long as the stage has kernels.
        case eager
    }

    let layout: TensorLayout.Stage
    let launch: Launch
    /// The stage; a graph of it works in its memory, so it must live as long.
    let work: any StageWork

    init(layout: TensorLayout.Stage, launch: Launch, work: any StageWork) {
        self.layout = layout
        self.launch = launch
        self.work = work
    }
}
