/// Builds the model of one stage out of the whole model.
struct StageBuilder {
    private let graph: ModelGraph
    private let boundaryTypes: [String: TensorDescription]
    private let inputValues: [String: ONNXValueInfoProto]
    private let outputValues: [String: ONNXValueInfoProto]
    private let valueInfo: [String: ONNXValueInfoProto]
    /// The inputs that no node reads and no output passes on; the first stage declares them.
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

        // What the stage's graph touches: first what its nodes read, then the constants that takes.
        var touched = Set(nodes.lazy.flatMap(\.inputs))
        // An output that no scheduled node makes (constant, or an input passed on) belongs to the last stage.
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

    /// The constant nodes that make what is touched, directly or through one another, in order; what they read is
    /// touched too.
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
            // ONNX Runtime reports a tensor of unknown rank, such as a Loop makes, like a scalar. No shape is always
            // true; a wrong one would be folded into the stage.
            if type.dimensions?.isEmpty == true { type.dimensions = nil }
            return type.valueInfo
        }
        if let value = valueInfo[name] ?? outputValues[name], value.hasType { return value }
        throw .unknownType(tensor: name)
    }
}
