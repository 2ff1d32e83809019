/// How networks run on a GPU.
package struct GPUOptions: Hashable, Sendable, Codable {
    /// Whether 32-bit floats may be multiplied as TF32, with 10 bits of mantissa, on the tensor cores.
    package var tf32: Bool
    /// Whether convolutions are laid out channels last.
    package var nhwc: Bool
    /// Whether stages are captured into CUDA graphs and replayed.
    package var graphs: Bool

    /// Options; by default those that ONNX Runtime has, with graphs.
    package init(tf32: Bool = true, nhwc: Bool = false, graphs: Bool = true) {
        self.tf32 = tf32
        self.nhwc = nhwc
        self.graphs = graphs
    }
}

extension GPUOptions {
    /// Reads `gpu:`.
    init(_ field: Field?) throws(ConfigurationError) {
        self.init()
        guard let field else { return }
        let section = try Section(field, keys: ["tf32", "nhwc", "graphs"], example: "{tf32: false}")
        if let value = try section["tf32"]?.bool() { tf32 = value }
        if let value = try section["nhwc"]?.bool() { nhwc = value }
        if let value = try section["graphs"]?.bool() { graphs = value }
    }
}
