/// How networks run on a GPU.
public struct GPUOptions: Hashable, Sendable, Codable {
    /// Whether 32-bit floats may be multiplied as TF32, with 10 bits of mantissa, on the tensor cores.
    public var tf32: Bool
    /// Whether convolutions are laid out channels last.
    public var nhwc: Bool
    /// Whether stages are captured into CUDA graphs and replayed.
    public var graphs: Bool

    /// Options; by default those that ONNX Runtime has, with graphs.
    public init(tf32: Bool = true, nhwc: Bool = false, graphs: Bool = true) {
        self.tf32 = tf32
        self.nhwc = nhwc
        self.graphs = graphs
    }
}
