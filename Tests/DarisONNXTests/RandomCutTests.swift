import Testing

@testable import DarisONNX

@Suite("Random graphs, random cuts")
struct RandomCutTests {
    /// A graph of operators with up to three inputs and two outputs over inputs, weights and earlier results, some of
    /// them within subgraphs, with its nodes in a random order.
    private func randomModel(_ generator: inout SeededGenerator) -> ONNXModel {
        let inputs = (0..<Int.random(in: 1...3, using: &generator)).map { "x\($0)" }
        let weights = (0..<Int.random(in: 0...4, using: &generator)).map { "w\($0)" }
        var available = inputs + weights
        var nodes: [ONNXNodeProto] = []
        for index in 0..<Int.random(in: 1...14, using: &generator) {
            let read = (0..<Int.random(in: 0...3, using: &generator)).compactMap { _ in
                available.randomElement(using: &generator)
            }
            let outputs = ["t\(index)"] + (Int.random(in: 0..<4, using: &generator) == 0 ? ["s\(index)"] : [])
            if Int.random(in: 0..<4, using: &generator) == 0 {
                let body = Graphs.graph(inputs: [], outputs: ["in\(index)"], [Graphs.node("Sum", read, ["in\(index)"])])
                nodes.append(Graphs.node("If", Array(read.prefix(1)), outputs, subgraphs: [body]))
            } else {
                nodes.append(Graphs.node("Sum", read, outputs))
            }
            available += outputs
        }
        var outputs = available.filter { _ in Int.random(in: 0..<4, using: &generator) == 0 }
        if outputs.isEmpty { outputs = ["t0"] }
        return Graphs.model(
            inputs: inputs, weights: weights, outputs: outputs, nodes.shuffled(using: &generator))
    }

    /// The names of the nodes on the way to an output, found by going round until nothing is added.
    private func usedNodes(_ model: ONNXModel) -> Set<String> {
        var tensors = Set(model.outputs.map(\.name))
        var used: Set<String> = []
        var size = -1
        while used.count > size {
            size = used.count
            for node in model.proto.graph.node where !tensors.isDisjoint(with: node.output) {
                used.insert(node.name)
                tensors.formUnion(node.everyInput)
            }
        }
        return used
    }

    @Test("stages together are the model, whatever the cut", arguments: 0..<300)
    func consistent(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let model = randomModel(&generator)
        let graph = try ModelGraph(model)
        let positions = (0..<graph.nodes.count).dropFirst().filter { _ in Bool.random(using: &generator) }
        // Types for the carried tensors and nothing else: no other type may be asked for.
        let carried = graph.carriedTensors(at: positions)
        let types = Dictionary(uniqueKeysWithValues: carried.map { ($0, Graphs.type($0)) })
        let stages = try StageCutter(graph).cut(at: positions, boundaryTypes: types)

        #expect(stages.count == positions.count + 1)
        #expect(stages.flatMap(\.interface.nodes) == graph.nodes.map(\.name))
        #expect(Set((graph.nodes + graph.constantNodes).map(\.name)) == usedNodes(model))
        #expect(
            stages.flatMap(\.interface.modelOutputs).sorted() == model.outputs.map(\.name).sorted(),
            "each output of the model comes from one stage")
        #expect(
            Set(stages.flatMap(\.interface.modelInputs)) == Set(model.inputs.map(\.name)),
            "no input of the model is lost")

        var made: Set<String> = []
        for stage in stages {
            let interface = stage.interface
            #expect(Set(interface.modelInputs).isSubset(of: model.inputs.map(\.name)))
            #expect(made.isSuperset(of: interface.carriedInputs), "an earlier stage made it")
            #expect(Set(interface.carriedOutputs).isSubset(of: carried))
            #expect(!interface.outputs.isEmpty, "ONNX Runtime refuses a model without outputs")
            #expect(stage.model.proto.graph.input.map(\.name) == interface.inputs)
            #expect(stage.model.proto.graph.output.map(\.name) == interface.outputs)
            // The stage is a sound model on its own: nothing undefined, nothing twice, and it runs what it says.
            let own = try ModelGraph(ONNXModel(serialized: stage.model.serialized()))
            #expect(own.nodes.map(\.name) == interface.nodes)
            let read = Set((own.nodes + own.constantNodes).flatMap(\.inputs)).union(interface.outputs)
            #expect(Set(interface.carriedInputs).isSubset(of: read), "no tensor is handed in for nothing")
            #expect(stage.model.proto.graph.initializerNames.isSubset(of: read), "no weight is held for nothing")
            made.formUnion(interface.carriedOutputs)
        }
        for (index, position) in positions.enumerated() {
            let before = Set(stages[...index].flatMap(\.interface.carriedOutputs))
            let after = Set(stages[(index + 1)...].flatMap(\.interface.carriedInputs))
            #expect(before.intersection(after) == Set(graph.carriedTensors(at: [position])))
        }
    }
}
