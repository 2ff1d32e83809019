import CUDADriver
import ONNXRuntime

/// What puts the work of stages on the streams of a GPU: ONNX Runtime, and in tests a stand-in for it.
protocol StageEngine: Sendable {
    /// Loads a stage for one lane: whatever it enqueues later goes on that stream.
    ///
    /// - Parameter layout: The tensors of the only batch size that it is loaded for if ``loadsForEachBatch``; else of the
    ///   first of several.
    func load(
        _ stage: StagedModel.Stage, of model: StagedModel, layout: TensorLayout.Stage, on stream: CUDAStream
    ) throws(PreparationError) -> any LoadedStage

    /// Whether a stage is loaded once for each batch size, and not once for all.
    var loadsForEachBatch: Bool { get }

    /// What the functions on the host are for that work of this engine calls.
    var hostFunctions: HostFunctions { get }
}

extension StageEngine {
    var loadsForEachBatch: Bool { false }
}

/// What the functions on the host are for that captured work calls.
enum HostFunctions: Sendable {
    /// They are a part of the work, as good every time.
    case work
    /// They free the work's own buffers, which must not happen twice. Those at its end may be left out: the buffers then
    /// stay as long as the stage, as a graph that reads them needs. Work that goes on after one is not replayed.
    case releases
}

/// A stage on a lane.
protocol LoadedStage: Sendable {
    /// The stage on tensors at fixed addresses, in the order of their names.
    ///
    /// - Parameter address: of the lane's scratch memory, from which the slots' offsets count.
    func bind(_ layout: TensorLayout.Stage, address: UnsafeMutableRawPointer) throws(PreparationError) -> any StageWork
}

/// A stage on a lane, bound to its tensors.
protocol StageWork: Sendable {
    /// Puts the stage on the lane's stream and returns without waiting for it.
    func enqueue() throws(DeviceError)
}

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
