/// A model in half precision: its weights and the values between its nodes are float16, its inputs and outputs stay float32.
///
/// ```swift
/// let half = try HalfPrecision(of: model)
/// print(half.nodesInHalf, half.nodesInFloat)
/// try half.model.write(path: "half.onnx")
/// ```
///
/// Every float32 value has up to two names: its own for the float32 form, and one with a suffix for the float16 form. A node
/// makes one of them; a Cast before the first node that needs the other makes that. So nodes that stay in float32, and the
/// bodies of If, Loop and Scan, are as they were.
///
/// These nodes stay in float32:
/// - the operators of ``floatOperators``, those of other domains, and those with graphs within them,
/// - products of a value with itself, since squares soon pass float16's largest number, 65504,
/// - scattered sums and the like, and attention that shows its scores,
/// - those with a constant that float16 cannot hold: beyond 65504, or nothing but numbers below its normal range (6.1e-5), such
///   as the epsilon of a normalisation. Where a constant is only compared or chosen (``clampingOperators``) it is limited
///   to ±65504 instead, and small biases are used as they are, since they lose at most 3e-8,
/// - those that depend on constants alone, which ONNX Runtime computes once,
/// - casts of whole numbers to float32,
/// - others than ``heavyOperators`` between such nodes, or between them and the model's inputs: they are not worth a Cast.
///
/// Models with quantised weights or values, and those without float32 work, stay as they are. The result depends on the
/// model alone.
///
/// - Complexity: linear in nodes, the tensors they read, and the bytes of weights.
package struct HalfPrecision: Sendable {
    /// What becomes of values that are to be float16.
    package enum Form: Sendable {
        /// They are float16.
        case stored
        /// They are float32, rounded to float16: what a device computes that stores float16 and adds up in float32, on any
        /// device, and with what is out of range as infinity.
        case rounded
    }

    /// Why a model stays as it is.
    package enum Unchanged: Hashable, Sendable {
        /// It is quantised: it has an operator of this name.
        case quantised(operatorName: String)
        /// It has no node that is worth it.
        case nothingToConvert
    }

    /// The converted model; the original if ``unchanged``.
    package let model: ONNXModel
    /// The number of nodes that work in float16.
    package let nodesInHalf: Int
    /// The number of nodes that stayed in float32, those on constants not counted.
    package let nodesInFloat: Int
    /// Why the model is as it was, or `nil` if it was converted.
    package let unchanged: Unchanged?

    /// Converts a model.
    ///
    /// - Throws: ``ONNXError`` if the graph is invalid, or older than operator set 7, from which on ONNX Runtime runs models.
    package init(of model: ONNXModel, form: Form = .stored) throws(ONNXError) {
        if let name = Self.quantisingOperator(in: model.proto.graph) {
            self.init(model: model, nodesInHalf: 0, nodesInFloat: 0, unchanged: .quantised(operatorName: name))
            return
        }
        var conversion = try HalfConversion(model.proto, form: form)
        let counts = try conversion.run()
        guard counts.half > 0 else {
            self.init(model: model, nodesInHalf: 0, nodesInFloat: counts.float, unchanged: .nothingToConvert)
            return
        }
        self.init(
            model: ONNXModel(proto: conversion.converted()), nodesInHalf: counts.half, nodesInFloat: counts.float,
            unchanged: nil)
    }

    private init(model: ONNXModel, nodesInHalf: Int, nodesInFloat: Int, unchanged: Unchanged?) {
        self.model = model
        self.nodesInHalf = nodesInHalf
        self.nodesInFloat = nodesInFloat
        self.unchanged = unchanged
    }
}

// MARK: Operators

extension HalfPrecision {
    /// The operators of ONNX that stay in float32.
    package static let floatOperators: Set<String> = [
        // ONNX, or ONNX Runtime on a GPU, has no float16 for them.
        "NonMaxSuppression", "Range", "RoiAlign", "GridSample", "CumSum", "IsInf", "Celu", "Mish", "LpNormalization",
        "LpPool", "GlobalLpPool", "MeanVarianceNormalization", "Multinomial", "CastLike", "EyeLike", "ImageDecoder",
        "AffineGrid", "Det", "MaxUnpool", "DFT", "STFT", "MelWeightMatrix", "HannWindow", "HammingWindow",
        "BlackmanWindow", "BitCast",
        // Other numbers would come of the same seed.
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli",
        // They pass the range of float16, or what is made of them loses all digits: a variance as the mean of squares less
        // the square of the mean.
        "Exp", "Log", "Pow", "ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL2", "ReduceProd", "ReduceLogSum",
        "ReduceLogSumExp",
        // Sequences and optional values have the type of what they are made of.
        "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceAt", "SequenceMap",
        "SequenceLength", "SplitToSequence", "ConcatFromSequence", "Optional", "OptionalGetElement",
        "OptionalHasElement",
    ]

    /// The operators that work in float16 whatever form their inputs have: those that take most of the time.
    package static let heavyOperators: Set<String> = [
        "Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "RNN", "Attention",
        "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
    ]

    /// The operators that choose among their inputs' values: a constant beyond float16's range is limited to its ends.
    package static let clampingOperators: Set<String> = ["Where", "Clip", "Max", "Min", "Pad"]

    /// The inputs of an operator, by place, that are float32 whatever the others are: measures, not values.
    static func floatInputs(of operatorName: String) -> Range<Int> {
        switch operatorName {
        case "Resize": 1..<3
        case "Upsample": 1..<2
        default: 0..<0
        }
    }

    /// Whether an input is only added: a bias, or a running mean. A single small number that is added or subtracted is
    /// there to keep a divisor from 0, and counts as none.
    static func isSummand(_ place: Int, of operatorName: String, count: Int) -> Bool {
        switch operatorName {
        case "Add", "Sub": count > 1
        case "Conv", "ConvTranspose", "Gemm", "LayerNormalization", "InstanceNormalization", "GroupNormalization":
            place == 2
        case "BatchNormalization": place == 2 || place == 3
        case "LSTM", "GRU", "RNN": place == 3
        default: false
        }
    }

    /// The first operator of a graph, or of a graph within it, that is there for quantised numbers.
    private static func quantisingOperator(in graph: ONNXGraphProto) -> String? {
        for node in graph.node {
            let name = node.opType.lowercased()
            let marks = ["quantize", "integer", "qlinear", "nbits"]
            if marks.contains(where: name.contains) || node.opType.hasPrefix("Q") && !node.isStandard {
                return node.opType
            }
            for subgraph in node.subgraphs {
                if let found = quantisingOperator(in: subgraph) { return found }
            }
        }
        return nil
    }
}
