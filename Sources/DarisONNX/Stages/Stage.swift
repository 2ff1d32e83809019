/// One of the consecutive pieces of a model.
package struct Stage: Sendable {
    /// The stage as a complete model that ONNX Runtime can load.
    package let model: ONNXModel
    /// The tensors that the stage reads and makes, and the nodes that it runs.
    package let interface: StageInterface
}

/// The tensors that a stage reads and makes, and the nodes that it runs. The runtime keeps a job's tensors by name, so
/// a tensor does not pass through stages that do not use it.
package struct StageInterface: Hashable, Sendable {
    /// The stage's index, from 0 on.
    package let index: Int
    /// The model's inputs that the stage reads, in the model's order. The first stage also has those that no stage
    /// reads.
    package let modelInputs: [String]
    /// The tensors of earlier stages that the stage reads, in the order in which they are made.
    package let carriedInputs: [String]
    /// The model's outputs that the stage makes, in the model's order.
    package let modelOutputs: [String]
    /// The tensors of the stage that later stages read, in the order in which they are made. One that is also an output
    /// of the model is in both lists.
    package let carriedOutputs: [String]
    /// The names of the nodes the stage runs, in order, without copies of constant nodes.
    package let nodes: [String]

    /// All inputs of the stage's graph, in its order: the model's, then the carried ones.
    package var inputs: [String] { modelInputs + carriedInputs }

    /// All outputs of the stage's graph, in its order: the model's, then those carried only.
    package var outputs: [String] { modelOutputs + carriedOutputs.filter { !modelOutputs.contains($0) } }
}

/// A builder of the models of stages.
struct StageBuilder {
    private let graph: ModelGraph
    private let boundaryTypes: [String: TensorDescription]
    private let inputValues: [String: ONNXValueInfoProto]
    private let outputValues: [String: ONNXValueInfoProto]
    private let valueInfo: [String: ONNXValueInfoProto]
    /// The inputs that neither a node nor an output reads; the first stage declares them.
    private let unreadInputs: Set<String>

    init(_ graph: ModelGraph, boundaryTypes: [String: TensorDescription]) {
        func byName(_ values: [ONNXValueInfoProto]) -> [String: ONNXValueInfoProto] {
            Dictionary(values.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
        self.graph = graph
        self.boundaryTypes = boundaryTypes
        let proto = graph.model.proto.graph
        inputValues = byName(proto.input)
        outputValues = byName(proto.output)
        valueInfo = byName(proto.valueInfo)
        unreadInputs = graph.inputNames.subtracting(graph.nodes.flatMap(\.inputs)).subtracting(outputValues.keys)
    }

    /// The stage that runs the scheduled nodes in `range`.
    func stage(_ index: Int, nodes range: Range<Int>, isLast: Bool) throws(ONNXError) -> Stage {
        let proto = graph.model.proto.graph
        let nodes = graph.nodes[range]

        // The tensors of the stage's graph: first those that its nodes read, then the constants for them.
        var touched = Set(nodes.lazy.flatMap(\.inputs))
        // An output that no scheduled node makes (a constant or an input) belongs to the last stage.
        if isLast {
            touched.formUnion(proto.output.lazy.map(\.name).filter { graph.tensorIndex[$0] == nil })
        }
        let constants = constantNodes(for: &touched)

        let modelInputs = proto.input.map(\.name).filter { name in
            graph.inputNames.contains(name)
                && (touched.contains(name) || index == 0 && unreadInputs.contains(name))
        }
        let carriedIn = graph.tensors.filter { $0.producer < range.lowerBound && touched.contains($0.name) }
        let carriedOut = graph.tensors.filter { range.contains($0.producer) && $0.lastReader >= range.upperBound }
        var seen: Set<String> = []
        let modelOutputs = proto.output.map(\.name).filter { name in
            let isHere = graph.tensorIndex[name].map { range.contains(graph.tensors[$0].producer) } ?? isLast
            return isHere && seen.insert(name).inserted
        }
        let interface = StageInterface(
            index: index, modelInputs: modelInputs, carriedInputs: carriedIn.map(\.name), modelOutputs: modelOutputs,
            carriedOutputs: carriedOut.map(\.name), nodes: nodes.map(\.name))

        var stage = proto
        stage.name = proto.name.isEmpty ? "stage\(index)" : "\(proto.name)_stage\(index)"
        stage.node = (constants + nodes).map { proto.node[$0.index] }
        stage.initializer = proto.initializer.filter { touched.contains($0.name) }
        stage.sparseInitializer = proto.sparseInitializer.filter { touched.contains($0.values.name) }
        stage.input = modelInputs.compactMap { inputValues[$0] }
        for tensor in carriedIn { stage.input.append(try carriedType(tensor.name)) }
        if graph.model.proto.irVersion < 4 {
            // Before version 4 a weight had to be listed as an input too.
            let weights = stage.initializerNames
            stage.input += proto.input.filter { weights.contains($0.name) }
        }
        stage.output = interface.outputs.map { name in
            if let value = outputValues[name] { return value }
            if let type = try? carriedType(name) { return type }
            var value = ONNXValueInfoProto()
            value.name = name
            return value
        }
        let inside = Set(stage.node.flatMap(\.output)).subtracting(interface.outputs)
        stage.valueInfo = proto.valueInfo.filter { inside.contains($0.name) }

        var model = graph.model.proto
        model.graph = stage
        return Stage(model: ONNXModel(proto: model), interface: interface)
    }

    /// The constant nodes that the touched tensors depend on, in order. Adds the tensors that they read to `touched`.
    private func constantNodes(for touched: inout Set<String>) -> [ModelGraph.Node] {
        var needed: Set<Int> = []
        var pending = Array(touched)
        while let name = pending.popLast() {
            guard let index = graph.constantProducer[name], needed.insert(index).inserted else { continue }
            for input in graph.constantNodes[index].inputs where touched.insert(input).inserted {
                pending.append(input)
            }
        }
        return needed.sorted().map { graph.constantNodes[$0] }
    }

    private func carriedType(_ name: String) throws(ONNXError) -> ONNXValueInfoProto {
        if var type = boundaryTypes[name], type.elementType != 0 {
            type.name = name
            // ONNX Runtime reports a tensor of unknown rank, such as the output of a Loop, like a scalar. A missing
            // shape is always correct; ONNX Runtime would fold a wrong one into the stage.
            if type.dimensions?.isEmpty == true { type.dimensions = nil }
            return type.valueInfo
        }
        if let value = valueInfo[name] ?? outputValues[name], value.hasType { return value }
        throw .unknownType(tensor: name)
    }
}
