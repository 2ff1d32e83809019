/// How networks run on a GPU.
package struct GPUOptions: Hashable, Sendable, Codable {
    /// The numbers that networks of 32-bit floats are computed with.
    package enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
        /// Weights and values between nodes are converted to 16 bits; inputs and outputs stay.
        case fp16
        /// 32 bits, which convolutions and matrix products may round to 10 bits of mantissa, for the tensor cores.
        case tf32
        /// 32 bits throughout.
        case fp32
    }

    /// The order in which the values of images are stored.
    package enum Layout: String, Hashable, Sendable, Codable, CaseIterable {
        /// Channels first, as ONNX has it.
        case nchw
        /// Channels last: within convolutions and what is beside them.
        case nhwc
    }

    /// What runs the operators.
    package enum Engine: String, Hashable, Sendable, Codable, CaseIterable {
        /// ONNX Runtime's kernels with cuDNN and cuBLAS.
        case cuda
        /// TensorRT, which compiles each stage for the GPU at the first start.
        case tensorrt
    }

    /// The numbers to compute with.
    package var precision: Precision
    /// The order of values in memory.
    package var layout: Layout
    /// What runs the operators.
    package var engine: Engine
    /// Whether stages are captured into CUDA graphs and replayed.
    package var graphs: Bool

    /// Options; by default those that ONNX Runtime has, with graphs.
    package init(
        precision: Precision = .tf32, layout: Layout = .nchw, engine: Engine = .cuda, graphs: Bool = true
    ) {
        self.precision = precision
        self.layout = layout
        self.engine = engine
        self.graphs = graphs
    }

    /// What is asked for and cannot be had together, with what would be right; `nil` if all can.
    package var conflict: String? {
        guard engine == .tensorrt else { return nil }
        if layout == .nhwc {
            return
                "layout 'nhwc' is for 'engine: cuda': TensorRT chooses the order of values itself; leave 'layout' out"
        }
        if precision == .fp32 {
            return "precision 'fp32' is for 'engine: cuda': TensorRT computes 32-bit floats as TF32; use tf32 or fp16"
        }
        return nil
    }
}

extension GPUOptions {
    /// Reads `gpu:`.
    init(_ field: Field?) throws(ConfigurationError) {
        self.init()
        guard let field else { return }
        let section = try Section(
            field, keys: ["precision", "layout", "engine", "graphs", "tf32", "nhwc"], example: "{precision: fp16}")
        if let value = try section["precision"]?.choice(Precision.allCases.map { ($0.rawValue, $0) }) {
            precision = value
        }
        if let value = try section["layout"]?.choice(Layout.allCases.map { ($0.rawValue, $0) }) { layout = value }
        if let value = try section["engine"]?.choice(Engine.allCases.map { ($0.rawValue, $0) }) { engine = value }
        if let value = try section["graphs"]?.bool() { graphs = value }
        try readFormerKeys(section)
        if let conflict { throw field.error(conflict) }
    }

    /// Reads the keys of former versions: `tf32: false` is `precision: fp32`, and `nhwc: true` is `layout: nhwc`.
    private mutating func readFormerKeys(_ section: Section) throws(ConfigurationError) {
        if let field = section["tf32"] {
            guard section["precision"] == nil else {
                throw field.error("'precision' says it already; leave 'tf32' out")
            }
            precision = try field.bool() ? .tf32 : .fp32
        }
        if let field = section["nhwc"] {
            guard section["layout"] == nil else { throw field.error("'layout' says it already; leave 'nhwc' out") }
            layout = try field.bool() ? .nhwc : .nchw
        }
    }

    /// What is asked for and no other device than a GPU heeds, such as `precision fp16`; `nil` if nothing is.
    package var needsGPU: String? {
        if precision == .fp16 { return "precision fp16" }
        if layout == .nhwc { return "layout nhwc" }
        return engine == .tensorrt ? "engine tensorrt" : nil
    }
}
