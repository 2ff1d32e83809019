/// Counts the multiply-add operations of a network by walking through its nodes with the shape of each tensor.
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

    /// The shape of what a node makes, its operations added to the total; `nil` for a node it cannot follow.
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

    /// How many places a kernel takes, down and across.
    private func windows(of node: ONNXNodeProto, over input: [Int]) -> [Int] {
        func integers(_ name: String) -> [Int] { node.attribute.first { $0.name == name }?.ints.map(Int.init) ?? [] }
        let (kernel, strides, pads) = (integers("kernel_shape"), integers("strides"), integers("pads"))
        return (0..<2).map { axis in
            let room = input[axis + 1] + pads[axis] + pads[axis + 2] - kernel[axis]
            return room < 0 ? 0 : room / strides[axis] + 1
        }
    }
}
