import Foundation

@testable import DarisONNX

/// Models of a few nodes, each with something about it.
enum SmallModels {
    typealias Dimension = TensorDescription.Dimension

    static func float(_ name: String, _ dimensions: [Dimension]) -> TensorDescription {
        TensorDescription(name: name, elementType: TensorDescription.float32, dimensions: dimensions)
    }

    static func node(_ operatorName: String, _ inputs: [String], _ outputs: [String]) -> ONNXNodeProto {
        var node = ONNXNodeProto()
        node.opType = operatorName
        node.name = outputs[0]
        node.input = inputs
        node.output = outputs
        return node
    }

    static func weight(_ name: String, _ values: [Float]) -> ONNXTensorProto {
        var tensor = ONNXTensorProto()
        tensor.name = name
        tensor.dataType = TensorDescription.float32
        tensor.dims = [Int64(values.count)]
        tensor.rawData = values.withUnsafeBytes { Data($0) }
        return tensor
    }

    static func model(
        inputs: [TensorDescription], outputs: [TensorDescription], weights: [ONNXTensorProto] = [],
        operatorSet: Int64 = 17, _ nodes: [ONNXNodeProto]
    ) -> ONNXModel {
        var proto = ONNXModelProto()
        proto.irVersion = operatorSet > 17 ? 9 : 8
        var operators = ONNXOperatorSetIdProto()
        operators.version = operatorSet
        proto.opsetImport = [operators]
        proto.graph.name = "small"
        proto.graph.input = inputs.map(\.valueInfo)
        proto.graph.output = outputs.map(\.valueInfo)
        proto.graph.initializer = weights
        proto.graph.node = nodes
        return ONNXModel(proto: proto)
    }

    private static let row: [Dimension] = [.symbolic("batch"), .fixed(3)]

    /// `y = (relu(x) + 1) · 2 − 3`, four nodes in a row.
    static let chain = model(
        inputs: [float("x", row)], outputs: [float("y", row)],
        weights: [weight("one", [1]), weight("two", [2]), weight("three", [3])],
        [
            node("Relu", ["x"], ["a"]), node("Add", ["a", "one"], ["b"]), node("Mul", ["b", "two"], ["c"]),
            node("Sub", ["c", "three"], ["y"]),
        ])

    /// `y = relu(x) + table[index]`: fails half-way for an index that is not from 0 to 3.
    static let gather = model(
        inputs: [
            float("x", row),
            TensorDescription(name: "index", elementType: TensorDescription.int64, dimensions: [.fixed(1)]),
        ], outputs: [float("y", row)], weights: [weight("table", [10, 20, 30, 40])],
        [
            node("Relu", ["x"], ["r"]), node("Gather", ["table", "index"], ["g"]), node("Add", ["r", "g"], ["y"]),
        ])

    /// `sum = a + b`, `product = (a + b) · (a − b)`: the first output is also read by a later node.
    static let twoOutputs = model(
        inputs: [float("a", row), float("b", row)], outputs: [float("product", row), float("sum", row)],
        [
            node("Add", ["a", "b"], ["sum"]), node("Sub", ["a", "b"], ["difference"]),
            node("Mul", ["sum", "difference"], ["product"]),
        ])

    /// `y = relu(x) + 1` for `x` of batch × length.
    static let anyLength = model(
        inputs: [float("x", [.symbolic("batch"), .symbolic("length")])],
        outputs: [float("y", [.symbolic("batch"), .symbolic("length")])], weights: [weight("one", [1])],
        [node("Relu", ["x"], ["r"]), node("Add", ["r", "one"], ["y"])])

    /// `y = ((relu(x) + 1) · 2 + relu(x)) − x` and `b = relu(x) + 1`: five nodes in a row, of which the last but one also reads what the
    /// first makes, and the last what the first reads.
    static let skips = model(
        inputs: [float("x", row)], outputs: [float("y", row), float("b", row)],
        weights: [weight("one", [1]), weight("two", [2])],
        [
            node("Relu", ["x"], ["a"]), node("Add", ["a", "one"], ["b"]), node("Mul", ["b", "two"], ["c"]),
            node("Add", ["c", "a"], ["d"]), node("Sub", ["d", "x"], ["y"]),
        ])

    /// What `skips` makes of `x`.
    static func skipped(_ x: [Float]) -> [[Float]] {
        [x.map { (max(0, $0) + 1) * 2 + max(0, $0) - $0 }, x.map { max(0, $0) + 1 }]
    }

    /// An input whose second dimension has neither a length nor a name.
    static let unknownLength = model(
        inputs: [float("x", [.symbolic("batch"), .unknown])], outputs: [float("y", [.symbolic("batch"), .unknown])],
        [node("Relu", ["x"], ["y"])])

    /// A batch of 2 and nothing else.
    static let batchOfTwo = model(
        inputs: [float("x", [.fixed(2), .fixed(3)])], outputs: [float("y", [.fixed(2), .fixed(3)])],
        [node("Relu", ["x"], ["y"])])

    static func strings(_ name: String, _ dimensions: [Dimension]) -> TensorDescription {
        TensorDescription(name: name, elementType: 8, dimensions: dimensions)
    }

    /// Text in, text out.
    static let text = model(
        inputs: [strings("x", [.symbolic("batch")])], outputs: [strings("y", [.symbolic("batch")])],
        [node("Identity", ["x"], ["y"])])

    /// `text` is `a` where `x` is greater than 1, else `b`; `y = relu(x) + 1`. Strings lie between its last two nodes.
    static let choose = model(
        inputs: [float("x", row), strings("a", row), strings("b", row)],
        outputs: [float("y", row), strings("text", row)], weights: [weight("one", [1]), weight("zero", [0])],
        [
            node("Relu", ["x"], ["r"]), node("Add", ["r", "one"], ["y"]), node("Greater", ["x", "zero"], ["positive"]),
            node("Greater", ["x", "one"], ["large"]), node("Where", ["positive", "a", "b"], ["t"]),
            node("Where", ["large", "t", "b"], ["text"]),
        ])

    private static func cast(_ input: String, _ output: String, to elementType: Int32) -> ONNXNodeProto {
        var attribute = ONNXAttributeProto()
        attribute.name = "to"
        attribute.type = 2
        attribute.i = Int64(elementType)
        var cast = node("Cast", [input], [output])
        cast.attribute = [attribute]
        return cast
    }

    /// Reads the number in each string: fails for one that is none.
    static let numbers = model(
        inputs: [strings("x", [.symbolic("batch")])], outputs: [float("y", [.symbolic("batch")])],
        [cast("x", "y", to: TensorDescription.float32)])

    /// `y = relu(x)`, by way of a string each.
    static let throughText = model(
        inputs: [float("x", row)], outputs: [float("y", row)],
        [
            node("Relu", ["x"], ["r"]), cast("r", "t", to: 8), cast("t", "y", to: TensorDescription.float32),
        ])

    /// `y = a + b`, strings put together.
    static let concat = model(
        inputs: [strings("a", row), strings("b", row)], outputs: [strings("y", row)], operatorSet: 20,
        [node("StringConcat", ["a", "b"], ["y"])])

    /// `y = a + b + b` and `z = a + b + b + a`, strings put together and shown on the way.
    static let concats = model(
        inputs: [strings("a", row), strings("b", row)], outputs: [strings("z", row), strings("y", row)],
        operatorSet: 20,
        [
            node("StringConcat", ["a", "b"], ["t"]), node("StringConcat", ["t", "b"], ["y"]),
            node("StringConcat", ["y", "a"], ["z"]),
        ])

    /// An input that is an output too, and what follows from it.
    static let passThrough = model(
        inputs: [strings("x", row), float("n", row)], outputs: [strings("x", row), strings("y", row), float("m", row)],
        operatorSet: 20,
        [node("StringConcat", ["x", "x"], ["y"]), node("Neg", ["n"], ["m"])])

    /// A few places of `x` replaced, which ONNX Runtime does in place where it may.
    static let scatter = model(
        inputs: [
            float("x", [.fixed(4)]), TensorDescription(name: "at", elementType: 7, dimensions: [.fixed(1)]),
            float("with", [.fixed(1)]),
        ],
        outputs: [float("y", [.fixed(4)]), float("z", [.fixed(4)])],
        [node("ScatterElements", ["x", "at", "with"], ["y"]), node("Add", ["x", "y"], ["z"])])

    /// The places where `x` is not 0: as many as there are.
    static let nonZero = model(
        inputs: [float("x", [.fixed(8)])],
        outputs: [
            TensorDescription(name: "y", elementType: TensorDescription.int64, dimensions: [.fixed(1), .symbolic("n")])
        ],
        [node("NonZero", ["x"], ["y"])])

    /// No inputs: `y = one + two`.
    static let constant = model(
        inputs: [], outputs: [float("y", [.fixed(1)])], weights: [weight("one", [1]), weight("two", [2])],
        [node("Add", ["one", "two"], ["y"])])

    /// An operator that does not exist.
    static let unknownOperator = model(
        inputs: [float("x", row)], outputs: [float("y", row)], [node("NoSuchOperator", ["x"], ["y"])])

    /// A matrix product large enough to be worth several threads.
    static let wide = model(
        inputs: [float("x", [.symbolic("batch"), .fixed(256), .fixed(256)])],
        outputs: [float("y", [.symbolic("batch"), .fixed(256), .fixed(256)])],
        [
            node("MatMul", ["x", "x"], ["a"]), node("Tanh", ["a"], ["b"]), node("MatMul", ["b", "x"], ["c"]),
            node("Tanh", ["c"], ["y"]),
        ])

    /// `y = tanh(x · w) · w` for `x` of batch × 4, where every element of `w` is `scale`.
    static func products(scale: Float) -> ONNXModel {
        var square = weight("w", [Float](repeating: scale, count: 16))
        square.dims = [4, 4]
        let row: [Dimension] = [.symbolic("batch"), .fixed(4)]
        return model(
            inputs: [float("x", row)], outputs: [float("y", row)], weights: [square],
            [node("MatMul", ["x", "w"], ["a"]), node("Tanh", ["a"], ["b"]), node("MatMul", ["b", "w"], ["y"])])
    }

    /// `y = (x · w) · w · w`, which for a large `w` passes float16's largest number.
    static let growing: ONNXModel = {
        var square = weight("w", [Float](repeating: 100, count: 16))
        square.dims = [4, 4]
        let row: [Dimension] = [.symbolic("batch"), .fixed(4)]
        return model(
            inputs: [float("x", row)], outputs: [float("y", row)], weights: [square],
            [
                node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "w"], ["b"]),
                node("MatMul", ["b", "w"], ["y"]),
            ])
    }()

    /// `y = x`, by way of 8 bits.
    static let quantised = model(
        inputs: [float("x", row)], outputs: [float("y", row)],
        weights: [weight("scale", [0.5])].map { scale in
            var scale = scale
            scale.dims = []
            return scale
        },
        [node("QuantizeLinear", ["x", "scale"], ["q"]), node("DequantizeLinear", ["q", "scale"], ["y"])])
}
