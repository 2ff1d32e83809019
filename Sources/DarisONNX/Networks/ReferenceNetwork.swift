/// The networks of the paper, built in place with random weights, so that nothing needs to be downloaded.
///
/// Execution time depends on the shape of a network, not on its weights. Structure, parameter names and node names are
/// those of torchvision's models (the U-Net is this project's own). The weights are scaled so that activations keep
/// their size through all layers.
///
/// ```swift
/// try ReferenceNetwork.resnet18.build(seed: 1).write(path: "resnet18.onnx")
/// ```
package enum ReferenceNetwork: String, CaseIterable, Sendable {
    /// ResNet18: 18 layers in residual blocks of two 3×3 convolutions.
    case resnet18
    /// ResNet50: 50 layers in residual blocks of 1×1, 3×3 and 1×1 convolutions.
    case resnet50
    /// A U-Net with four levels of 32, 64, 128 and 256 channels over a bottleneck of 512.
    case unet
    /// Inception v3 without its auxiliary classifier.
    case inceptionV3 = "inception_v3"

    /// The network for a seed; the same seed gives the same bytes.
    ///
    /// Its input `input` is float32 of batch × 3 × 224 × 224 with a symbolic length `batch`, its output `output` of
    /// batch × classes, for the U-Net batch × classes × 224 × 224.
    package func build(seed: UInt64) -> ONNXModel { network.model(seed: seed) }

    /// The number of trained weights; the running statistics of batch normalisations do not count.
    package var parameterCount: Int { network.parameterCount }

    /// The number of multiply-add operations of one inference at ``inputShape``, in convolutions and fully connected
    /// layers.
    package var multiplyAdds: Int { multiplyAdds(height: inputShape[1], width: inputShape[2]) }

    /// The number of multiply-add operations of one inference on an image of another size; 0 for one too small.
    package func multiplyAdds(height: Int, width: Int) -> Int {
        MultiplyAddCount(network, channels: inputShape[0], height: height, width: width).total
    }

    /// Channels, height and width of the input.
    package var inputShape: [Int] { [3, 224, 224] }

    /// The number of classes, of the image or of each of its pixels.
    package var classes: Int {
        switch self {
        case .resnet18, .resnet50: 1000
        case .unet: 10
        case .inceptionV3: 100
        }
    }

    /// The network's name in its paper.
    package var title: String {
        switch self {
        case .resnet18: "ResNet18"
        case .resnet50: "ResNet50"
        case .unet: "U-Net"
        case .inceptionV3: "Inception v3"
        }
    }

    /// One line with the network's size, work and shape.
    package var summary: String {
        let parameters = Self.rounded(parameterCount, unit: 1_000_000)
        let operations = Self.rounded(multiplyAdds, unit: 1_000_000_000)
        let shape = inputShape.map(String.init).joined(separator: "×")
        return "\(title): \(parameters) M parameters, \(operations) G multiply-adds, \(shape) in, \(classes) classes"
    }

    private static func rounded(_ number: Int, unit: Int) -> String {
        let hundredths = (number + unit / 200) / (unit / 100)
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    /// The network without weights.
    var network: Network {
        switch self {
        case .resnet18: .resnet(blocks: [2, 2, 2, 2], isBottleneck: false, classes: classes)
        case .resnet50: .resnet(blocks: [3, 4, 6, 3], isBottleneck: true, classes: classes)
        case .unet: .unet(channels: [32, 64, 128, 256], bottleneck: 512, classes: classes)
        case .inceptionV3: .inceptionV3(classes: classes)
        }
    }
}

/// The count of a network's multiply-add operations, from its nodes and the shape of each tensor.
///
/// Only convolutions and fully connected layers count, as is usual; biases, normalisations and activations do not.
struct MultiplyAddCount {
    /// The operations of one inference; 0 if the image is too small for the network.
    private(set) var total = 0

    /// Channels, height and width of each tensor.
    private var shapes: [String: [Int]]
    private let weights: [String: [Int]]

    init(_ network: Network, channels: Int, height: Int, width: Int) {
        shapes = [network.input.name: [channels, height, width]]
        weights = Dictionary(
            network.parameters.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        for node in network.nodes {
            guard let shape = outputShape(of: node), shape.allSatisfy({ $0 > 0 }) else {
                total = 0
                return
            }
            shapes[node.output[0]] = shape
        }
    }

    /// The shape of a node's output, or `nil` for an unknown operator. Adds the node's operations to the total.
    private mutating func outputShape(of node: ONNXNodeProto) -> [Int]? {
        if node.opType == "Constant" { return [4] }
        guard let first = node.input.first, let input = shapes[first] else { return nil }
        switch node.opType {
        case "Relu", "BatchNormalization", "Add": return input
        case "Conv":
            guard let weight = weights[node.input[1]], weight[1] == input[0] else { return nil }
            let output = [weight[0]] + windows(of: node, over: input)
            total += output.reduce(1, *) * weight.dropFirst().reduce(1, *)
            return output
        case "MaxPool", "AveragePool": return [input[0]] + windows(of: node, over: input)
        case "GlobalAveragePool": return [input[0], 1, 1]
        case "Flatten": return [input.reduce(1, *)]
        case "Gemm":
            guard let weight = weights[node.input[1]], weight[1] == input[0] else { return nil }
            total += weight[0] * weight[1]
            return [weight[0]]
        case "Concat":
            let parts = node.input.compactMap { shapes[$0] }
            guard parts.allSatisfy({ $0.dropFirst() == input.dropFirst() }) else { return nil }
            return [parts.reduce(0) { $0 + $1[0] }] + input.dropFirst()
        case "Resize": return [input[0], 2 * input[1], 2 * input[2]]
        default: return nil
        }
    }

    /// The number of places of a kernel, in height and width.
    private func windows(of node: ONNXNodeProto, over input: [Int]) -> [Int] {
        func integers(_ name: String) -> [Int] { node.attribute.first { $0.name == name }?.ints.map(Int.init) ?? [] }
        let (kernel, strides, pads) = (integers("kernel_shape"), integers("strides"), integers("pads"))
        return (0..<2).map { axis in
            let room = input[axis + 1] + pads[axis] + pads[axis + 2] - kernel[axis]
            return room < 0 ? 0 : room / strides[axis] + 1
        }
    }
}
