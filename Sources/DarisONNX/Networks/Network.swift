internal import Foundation

/// A network under construction: its nodes in order and the shapes of its weights, which get values at the end.
struct Network {
    /// A tensor of the network; its other dimensions follow from the input.
    struct Tensor {
        let name: String
        let channels: Int
    }

    /// A weight, with values drawn evenly from `centre` ± `spread`.
    struct Parameter {
        let name: String
        let shape: [Int]
        var centre: Float = 0
        let spread: Float
        /// Whether training by gradients changes it, unlike a running statistic.
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

    /// The input of the network.
    var input: Tensor { Tensor(name: "input", channels: inputChannels) }

    var parameterCount: Int { parameters.lazy.filter(\.isTrained).reduce(0) { $0 + $1.count } }

    mutating func add(_ parameter: Parameter) { parameters.append(parameter) }

    /// Adds a node named after its part of the network, and returns its output.
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

    /// Makes the last node's output the network's output; `outputShape` follows the batch.
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

/// Pseudo-random values of weights. They depend on the seed and the weight's name only, so a change of one layer does
/// not change the others.
///
/// The generator is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
enum WeightGenerator {
    /// The values of a weight in ONNX's form: float32, little-endian.
    static func values(of parameter: Network.Parameter, seed: UInt64) -> Data {
        let count = parameter.count
        // Numbers are made in pairs; the last pair may need one more place.
        let values = UnsafeMutablePointer<UInt32>.allocate(capacity: count + 1)
        defer { values.deallocate() }
        let low = parameter.centre - parameter.spread
        let step = 2 * parameter.spread / 0x1p24
        var state = mixed(seed) ^ hash(of: parameter.name)
        // A plain loop over memory: it runs some 25 million times for one network, also in debug builds.
        var index = 0
        while index < count {
            state &+= 0x9e37_79b9_7f4a_7c15
            let bits = mixed(state)
            values[index] = (low + step * Float(UInt32(truncatingIfNeeded: bits >> 40))).bitPattern.littleEndian
            values[index + 1] =
                (low + step * Float(UInt32(truncatingIfNeeded: bits >> 16) & 0xff_ffff)).bitPattern.littleEndian
            index += 2
        }
        return Data(bytes: values, count: count * MemoryLayout<UInt32>.size)
    }

    /// SplitMix64's output function, a bijection that changes half the bits.
    @inline(__always)
    private static func mixed(_ state: UInt64) -> UInt64 {
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// The 64-bit FNV-1a hash of a name.
    private static func hash(of name: String) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
