import Foundation

@testable import DarisONNX

/// Small graphs to test with. Tensors are float32; a node is called after the tensor it makes.
enum Graphs {
    static func node(
        _ operatorName: String, _ inputs: [String], _ outputs: [String], domain: String = "",
        subgraphs: [ONNXGraphProto] = []
    ) -> ONNXNodeProto {
        var node = ONNXNodeProto()
        node.opType = operatorName
        node.name = outputs.first ?? ""
        node.input = inputs
        node.output = outputs
        node.domain = domain
        node.attribute = subgraphs.enumerated().map { index, graph in
            var attribute = ONNXAttributeProto()
            attribute.name = "branch\(index)"
            attribute.type = 5
            attribute.g = graph
            return attribute
        }
        return node
    }

    static func value(_ name: String) -> ONNXValueInfoProto { type(name).valueInfo }

    static func type(_ name: String) -> TensorDescription {
        TensorDescription(
            name: name, elementType: TensorDescription.float32, dimensions: [.symbolic("batch"), .fixed(4), .unknown])
    }

    /// Types for every tensor that may cross a cut.
    static func types(_ graph: ModelGraph) -> [String: TensorDescription] {
        let names = graph.carriedTensors(at: Array(1..<max(1, graph.nodes.count)))
        return Dictionary(uniqueKeysWithValues: names.map { ($0, type($0)) })
    }

    static func weight(_ name: String) -> ONNXTensorProto {
        var tensor = ONNXTensorProto()
        tensor.name = name
        tensor.dataType = TensorDescription.float32
        tensor.dims = [2]
        tensor.rawData = Data([0, 0, 128, 63, 0, 0, 0, 64])
        return tensor
    }

    static func graph(
        inputs: [String], weights: [String] = [], outputs: [String], _ nodes: [ONNXNodeProto]
    ) -> ONNXGraphProto {
        var graph = ONNXGraphProto()
        graph.name = "test"
        graph.input = inputs.map(value)
        graph.output = outputs.map(value)
        graph.initializer = weights.map(weight)
        graph.node = nodes
        return graph
    }

    static func model(
        inputs: [String] = ["x"], weights: [String] = [], outputs: [String], _ nodes: [ONNXNodeProto]
    ) -> ONNXModel {
        var proto = ONNXModelProto()
        proto.irVersion = 8
        var operators = ONNXOperatorSetIdProto()
        operators.version = 17
        proto.opsetImport = [operators]
        proto.graph = graph(inputs: inputs, weights: weights, outputs: outputs, nodes)
        return ONNXModel(proto: proto)
    }
}

/// A seeded generator for property tests (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A folder of its own for a test, removed with what is in it.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/daris-onnx-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file into the folder and returns its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }
}
