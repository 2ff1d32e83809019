/// A height and a width.
struct Extent {
    let height: Int
    let width: Int

    init(_ height: Int, _ width: Int) {
        self.height = height
        self.width = width
    }

    init(_ both: Int) { self.init(both, both) }

    var list: [Int] { [height, width] }
}

// The layers of the networks. The path of a layer's module names its node and weights.
extension Network {
    /// A convolution. Its weights are scaled for a following rectifier, which halves the mean square.
    mutating func convolution(
        _ input: Tensor, at path: String, channels: Int, kernel: Extent, stride: Int = 1, padding: Extent = Extent(0),
        hasBias: Bool = false
    ) -> Tensor {
        let fanIn = input.channels * kernel.height * kernel.width
        let weight = Parameter(
            name: path + ".weight", shape: [channels, input.channels, kernel.height, kernel.width],
            spread: (6 / Float(fanIn)).squareRoot())
        add(weight)
        var inputs = [input.name, weight.name]
        if hasBias {
            add(Parameter(name: path + ".bias", shape: [channels], spread: 0.05))
            inputs.append(path + ".bias")
        }
        return add(
            "Conv", at: path, inputs, channels: channels,
            attributes: [
                .integers("dilations", [1, 1]), .integer("group", 1), .integers("kernel_shape", kernel.list),
                .integers("pads", padding.list + padding.list), .integers("strides", [stride, stride]),
            ])
    }

    /// A batch normalisation for inference; `gain` is the middle of its scale factors.
    mutating func batchNormalization(
        _ input: Tensor, at path: String, epsilon: Float = 1e-5, gain: Float = 1
    ) -> Tensor {
        let shape = [input.channels]
        let own = [
            Parameter(name: path + ".weight", shape: shape, centre: gain, spread: gain / 10),
            Parameter(name: path + ".bias", shape: shape, spread: 0.05),
            Parameter(name: path + ".running_mean", shape: shape, spread: 0.05, isTrained: false),
            Parameter(name: path + ".running_var", shape: shape, centre: 1, spread: 0.1, isTrained: false),
        ]
        for parameter in own { add(parameter) }
        return add(
            "BatchNormalization", at: path, [input.name] + own.map(\.name), channels: input.channels,
            attributes: [.number("epsilon", epsilon)])
    }

    mutating func relu(_ input: Tensor, at path: String) -> Tensor {
        add("Relu", at: path, [input.name], channels: input.channels)
    }

    mutating func sum(_ first: Tensor, _ second: Tensor, at path: String) -> Tensor {
        precondition(first.channels == second.channels, "equal shapes are added")
        return add("Add", at: path, [first.name, second.name], channels: first.channels)
    }

    mutating func concatenation(_ inputs: [Tensor], at path: String) -> Tensor {
        add(
            "Concat", at: path, inputs.map(\.name), channels: inputs.reduce(0) { $0 + $1.channels },
            attributes: [.integer("axis", 1)])
    }

    mutating func maxPool(_ input: Tensor, at path: String, kernel: Int, stride: Int, padding: Int = 0) -> Tensor {
        add(
            "MaxPool", at: path, [input.name], channels: input.channels,
            attributes: [
                .integers("kernel_shape", [kernel, kernel]), .integers("pads", [padding, padding, padding, padding]),
                .integers("strides", [stride, stride]),
            ])
    }

    /// A mean over 3×3 neighbours; those beyond the edge count as 0.
    mutating func averagePool3x3(_ input: Tensor, at path: String) -> Tensor {
        add(
            "AveragePool", at: path, [input.name], channels: input.channels,
            attributes: [
                .integer("count_include_pad", 1), .integers("kernel_shape", [3, 3]), .integers("pads", [1, 1, 1, 1]),
                .integers("strides", [1, 1]),
            ])
    }

    /// The end of a classifier: the mean over each channel, and a fully connected layer over the means.
    mutating func classifier(_ input: Tensor, classes: Int) {
        let pooled = add("GlobalAveragePool", at: "avgpool", [input.name], channels: input.channels)
        let flat = add(
            "Flatten", at: "", [pooled.name], channels: input.channels, attributes: [.integer("axis", 1)])
        let spread = (3 / Float(input.channels)).squareRoot()
        add(Parameter(name: "fc.weight", shape: [classes, input.channels], spread: spread))
        add(Parameter(name: "fc.bias", shape: [classes], spread: 0.05))
        _ = add(
            "Gemm", at: "fc", [flat.name, "fc.weight", "fc.bias"], channels: classes,
            attributes: [.number("alpha", 1), .number("beta", 1), .integer("transB", 1)])
        finish(outputShape: [classes])
    }

    /// An enlargement to twice the height and width by bilinear interpolation.
    mutating func doubled(_ input: Tensor, at path: String) -> Tensor {
        var scales = ONNXTensorProto()
        scales.dims = [4]
        scales.dataType = TensorDescription.float32
        scales.floatData = [1, 1, 2, 2]
        let constant = add("Constant", at: path, [], channels: 4, attributes: [.tensor("value", scales)])
        return add(
            "Resize", at: path, [input.name, "", constant.name], channels: input.channels,
            attributes: [
                .text("coordinate_transformation_mode", "half_pixel"), .text("mode", "linear"),
            ])
    }
}

extension ONNXAttributeProto {
    private static func named(_ name: String, type: Int32) -> ONNXAttributeProto {
        var attribute = ONNXAttributeProto()
        attribute.name = name
        attribute.type = type
        return attribute
    }

    fileprivate static func number(_ name: String, _ value: Float) -> ONNXAttributeProto {
        var attribute = named(name, type: 1)
        attribute.f = value
        return attribute
    }

    fileprivate static func integer(_ name: String, _ value: Int) -> ONNXAttributeProto {
        var attribute = named(name, type: 2)
        attribute.i = Int64(value)
        return attribute
    }

    fileprivate static func text(_ name: String, _ value: String) -> ONNXAttributeProto {
        var attribute = named(name, type: 3)
        attribute.s.append(contentsOf: value.utf8)
        return attribute
    }

    fileprivate static func tensor(_ name: String, _ value: ONNXTensorProto) -> ONNXAttributeProto {
        var attribute = named(name, type: 4)
        attribute.t = value
        return attribute
    }

    fileprivate static func integers(_ name: String, _ values: [Int]) -> ONNXAttributeProto {
        var attribute = named(name, type: 7)
        attribute.ints = values.map(Int64.init)
        return attribute
    }
}
