/// A network under construction: nodes in order and the shapes of its weights, which are filled in at the end.
struct Network {
    /// A tensor of the network; its other dimensions follow from the input.
    struct Tensor {
        let name: String
        let channels: Int
    }

    /// A weight that is still to be filled, with numbers drawn evenly from `centre` ± `spread`.
    struct Parameter {
        let name: String
        let shape: [Int]
        var centre: Float = 0
        let spread: Float
        /// Whether training by gradients would change it, unlike a running statistic.
        var isTrained = true

        var count: Int { shape.reduce(1, *) }
    }

    let name: String
    let inputChannels: Int
    private(set) var nodes: [ONNXNodeProto] = []
    private(set) var parameters: [Parameter] = []
    private var outputShape: [TensorDescription.Dimension] = []

    init(name: String, inputChannels: Int = 3) {
        self.name = name
        self.inputChannels = inputChannels
    }

    /// The tensor that the network starts from.
    var input: Tensor { Tensor(name: "input", channels: inputChannels) }

    var parameterCount: Int { parameters.lazy.filter(\.isTrained).reduce(0) { $0 + $1.count } }

    mutating func add(_ parameter: Parameter) { parameters.append(parameter) }

    /// Adds a node called after the part of the network it belongs to, and returns what it makes.
    mutating func add(
        _ operatorName: String, at path: String, _ inputs: [String], channels: Int,
        attributes: [ONNXAttributeProto] = []
    ) -> Tensor {
        var node = ONNXNodeProto()
        node.name = Self.scope(path) + "/" + operatorName
        node.opType = operatorName
        node.input = inputs
        node.output = [node.name + "_output_0"]
        node.attribute = attributes
        nodes.append(node)
        return Tensor(name: node.output[0], channels: channels)
    }

    /// Makes what the last node makes the network's output, of the given shape behind the batch.
    mutating func finish(outputShape: [Int]) {
        precondition(!nodes.isEmpty, "a network has nodes")
        nodes[nodes.count - 1].output = ["output"]
        self.outputShape = [.symbolic("batch")] + outputShape.map { .fixed($0) }
    }

    /// The network as a model with random weights.
    func model(seed: UInt64) -> ONNXModel {
        var proto = ONNXModelProto()
        proto.irVersion = 8
        proto.producerName = "daris"
        var operators = ONNXOperatorSetIdProto()
        operators.domain = ""
        operators.version = 17
        proto.opsetImport = [operators]
        proto.graph.name = name
        proto.graph.node = nodes
        proto.graph.initializer = parameters.map { parameter in
            var tensor = ONNXTensorProto()
            tensor.name = parameter.name
            tensor.dims = parameter.shape.map(Int64.init)
            tensor.dataType = TensorDescription.float32
            tensor.rawData = WeightGenerator.values(of: parameter, seed: seed)
            return tensor
        }
        let image: [TensorDescription.Dimension] = [
            .symbolic("batch"), .fixed(inputChannels), .fixed(224), .fixed(224),
        ]
        proto.graph.input = [
            TensorDescription(name: "input", elementType: TensorDescription.float32, dimensions: image).valueInfo
        ]
        proto.graph.output = [
            TensorDescription(name: "output", elementType: TensorDescription.float32, dimensions: outputShape).valueInfo
        ]
        return ONNXModel(proto: proto)
    }

    /// The scope of a module in a node's name: `layer1.0.conv1` lies in `/layer1/layer1.0/conv1`.
    private static func scope(_ path: String) -> String {
        var previous = ""
        return path.split(separator: ".").map { part in
            let name = part.allSatisfy(\.isNumber) ? "\(previous).\(part)" : String(part)
            previous = name
            return "/" + name
        }.joined()
    }
}
