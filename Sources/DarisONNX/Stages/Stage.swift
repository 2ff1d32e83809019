/// One of the consecutive pieces that a model was cut into: a model of its own, and how it fits among the others.
package struct Stage: Sendable {
    /// The stage as a complete model that ONNX Runtime can load.
    package let model: ONNXModel
    /// What the stage reads, makes and runs.
    package let interface: StageInterface
}
