import CUDADriver
import ONNXRuntime

/// What puts the work of stages on the streams of a GPU: ONNX Runtime, and in tests a stand-in for it.
protocol StageEngine: Sendable {
    /// Loads a stage for one lane: whatever it enqueues later goes on that stream.
    func load(
        _ stage: StagedModel.Stage, of model: StagedModel, on stream: CUDAStream
    ) throws(PreparationError) -> any LoadedStage

    /// Whether work of this engine that calls functions on the host may be replayed as a graph. ONNX Runtime's may not:
    /// it frees buffers in such functions, once.
    var replaysHostFunctions: Bool { get }
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
