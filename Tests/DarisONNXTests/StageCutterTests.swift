import Testing

@testable import DarisONNX

@Suite("Cutting into stages")
struct StageCutterTests {
    @Test("constant nodes are copied into each stage that needs them, never carried")
    func constantsAreCopied() throws {
        let model = Graphs.model(
            weights: ["w", "v", "u"], outputs: ["y"],
            [
                Graphs.node("Neg", ["w"], ["c"]), Graphs.node("Add", ["c", "v"], ["d"]),
                Graphs.node("Add", ["x", "d"], ["a"]), Graphs.node("Relu", ["a"], ["b"]),
                Graphs.node("Sum", ["b", "c", "u"], ["y"]),
            ])
        let cutter = StageCutter(try ModelGraph(model))
        let stages = try cutter.cut(at: [1, 2], boundaryTypes: Graphs.types(cutter.graph))
        #expect(stages.map { $0.model.proto.graph.node.map(\.name) } == [["c", "d", "a"], ["b"], ["c", "y"]])
        #expect(stages.map { $0.model.proto.graph.initializer.map(\.name) } == [["w", "v"], [], ["w", "u"]])
        #expect(stages.map(\.interface.inputs) == [["x"], ["a"], ["b"]])
        #expect(stages.map(\.interface.outputs) == [["a"], ["b"], ["y"]])
        #expect(stages.map(\.interface.nodes) == [["a"], ["b"], ["y"]])
    }

    @Test("outputs that no scheduled node makes belong to the last stage")
    func constantOutputs() throws {
        let model = Graphs.model(
            inputs: ["x", "unread"], weights: ["w"], outputs: ["x", "c", "a", "w", "y"],
            [
                Graphs.node("Neg", ["w"], ["c"]), Graphs.node("Add", ["x", "c"], ["a"]),
                Graphs.node("Relu", ["a"], ["y"]),
            ])
        let stages = try StageCutter(ModelGraph(model)).cut(at: [1])
        #expect(stages.map(\.interface.modelOutputs) == [["a"], ["x", "c", "w", "y"]])
        #expect(stages.map(\.interface.carriedOutputs) == [["a"], []])
        #expect(stages.map(\.interface.outputs) == [["a"], ["x", "c", "w", "y"]])
        #expect(stages.map(\.interface.inputs) == [["x", "unread"], ["x", "a"]])
        #expect(stages[1].model.proto.graph.initializer.map(\.name) == ["w"])

        let constantModel = Graphs.model(weights: ["w"], outputs: ["c"], [Graphs.node("Neg", ["w"], ["c"])])
        let cutter = StageCutter(try ModelGraph(constantModel))
        #expect(try cutter.cutPositions(stages: 1, costs: []) == [])
        let only = try cutter.cut(at: [])
        #expect(only.count == 1 && only[0].interface.outputs == ["c"] && only[0].interface.inputs == ["x"])
    }

    @Test("a stage has no input that it does not use")
    func notRouted() throws {
        let model = Graphs.model(
            outputs: ["y"],
            [
                Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["x"], ["b"]),
                Graphs.node("Sum", ["a", "b", "x"], ["y"]),
            ])
        let cutter = StageCutter(try ModelGraph(model))
        let stages = try cutter.cut(at: [1, 2], boundaryTypes: Graphs.types(cutter.graph))
        #expect(stages.map(\.interface.modelInputs) == [["x"], ["x"], ["x"]])
        #expect(stages.map(\.interface.carriedInputs) == [[], [], ["a", "b"]])
        #expect(stages.map(\.interface.carriedOutputs) == [["a"], ["b"], []])
    }

    @Test("a subgraph's outer tensors and weights come along")
    func subgraph() throws {
        let body = Graphs.graph(inputs: [], outputs: ["z"], [Graphs.node("Sum", ["a", "w", "c"], ["z"])])
        let model = Graphs.model(
            weights: ["w", "v"], outputs: ["y"],
            [
                Graphs.node("Neg", ["v"], ["c"]), Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["b"]),
                Graphs.node("If", ["b"], ["y"], subgraphs: [body]),
            ])
        let cutter = StageCutter(try ModelGraph(model))
        let stages = try cutter.cut(at: [2], boundaryTypes: Graphs.types(cutter.graph))
        #expect(stages[0].model.proto.graph.initializer.isEmpty)
        #expect(stages[1].interface.inputs == ["a", "b"])
        #expect(stages[1].model.proto.graph.initializer.map(\.name) == ["w", "v"])
        #expect(stages[1].model.proto.graph.node.map(\.name) == ["c", "y"])
        #expect(stages[1].model.proto.graph.node[1] == model.proto.graph.node[3])
    }

    @Test("a carried tensor's type is the caller's, else the model's, else an error asks for it")
    func types() throws {
        var model = Graphs.model(
            outputs: ["y"], [Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["y"])])
        #expect(throws: ONNXError.unknownType(tensor: "a")) { try StageCutter(ModelGraph(model)).cut(at: [1]) }
        var half = Graphs.type("a")
        half.elementType = 10
        model.proto.graph.valueInfo = [half.valueInfo]
        let cutter = StageCutter(try ModelGraph(model))
        #expect(try cutter.cut(at: [1])[1].model.inputs == [half])
        let given = TensorDescription(name: "elsewhere", elementType: 7, dimensions: [.fixed(3), .unknown])
        let expected = TensorDescription(name: "a", elementType: 7, dimensions: [.fixed(3), .unknown])
        let stages = try cutter.cut(at: [1], boundaryTypes: ["a": given])
        #expect(stages[1].model.inputs == [expected])
        #expect(stages[0].model.outputs == [expected])
        #expect(stages[1].model.outputs == [Graphs.type("y")])
    }

    @Test("a carried tensor given as a scalar gets no shape, since its rank may be unknown")
    func unknownRank() throws {
        let model = Graphs.model(
            outputs: ["y"], [Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["y"])])
        let given = TensorDescription(name: "a", elementType: 1, dimensions: [])
        let stages = try StageCutter(ModelGraph(model)).cut(at: [1], boundaryTypes: ["a": given])
        #expect(stages[1].model.inputs == [TensorDescription(name: "a", elementType: 1, dimensions: nil)])
    }

    @Test("impossible requests are refused")
    func refused() throws {
        let model = Graphs.model(
            outputs: ["y"], [Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["y"])])
        let cutter = StageCutter(try ModelGraph(model))
        for stages in [-1, 0, 3, .max] {
            #expect(throws: ONNXError.stageCount(requested: stages, nodes: 2)) {
                try cutter.cutPositions(stages: stages, costs: [1, 1])
            }
        }
        #expect(throws: ONNXError.costCount(given: 1, nodes: 2)) { try cutter.cutPositions(stages: 2, costs: [1]) }
        #expect(throws: ONNXError.negativeCost(node: "y")) { try cutter.cutPositions(stages: 2, costs: [1, -1]) }
        for positions in [[0], [2], [1, 1], [-1], [.max]] {
            #expect(throws: ONNXError.cutPositions(positions: positions, nodes: 2)) {
                try cutter.cut(at: positions, boundaryTypes: Graphs.types(cutter.graph))
            }
        }
    }

    @Test("fused nodes are only separated if there are too few other places to cut")
    func fusion() throws {
        let operators = ["Conv", "Relu", "Conv", "Relu"]
        let nodes = operators.enumerated().map { Graphs.node($1, ["t\($0)"], ["t\($0 + 1)"]) }
        let cutter = StageCutter(try ModelGraph(Graphs.model(inputs: ["t0"], outputs: ["t4"], nodes)))
        #expect(try cutter.cutPositions(stages: 2, costs: [9, 1, 1, 1]) == [2])
        #expect(try cutter.cutPositions(stages: 3, costs: [9, 1, 1, 1]).count == 2)
        #expect(try cutter.cutPositions(stages: 4, costs: [9, 1, 1, 1]) == [1, 2, 3])
    }

    @Test("5,000 nodes are cut into 32 stages at once, even with absurd costs", .timeLimit(.minutes(15)))
    func large() throws {
        let nodes = (1...5000).map { Graphs.node("Neg", ["t\($0 - 1)"], ["t\($0)"]) }
        let cutter = StageCutter(try ModelGraph(Graphs.model(inputs: ["t0"], outputs: ["t5000"], nodes)))
        var generator = SeededGenerator(seed: 3)
        let costs = nodes.map { _ in Int64.random(in: 0...1_000_000, using: &generator) }
        let bytes = Dictionary(
            uniqueKeysWithValues: nodes.map { ($0.name, Int.random(in: 0...1_000_000, using: &generator)) })
        var positions: [Int] = []
        let elapsed = try ContinuousClock().measure {
            positions = try cutter.cutPositions(stages: 32, costs: costs, bytes: bytes)
        }
        #expect(positions.count == 31)
        #expect(elapsed < .seconds(5))
        let huge = try cutter.cutPositions(
            stages: 32, costs: nodes.map { _ in .max }, bytes: bytes.mapValues { _ in .max })
        #expect(huge.count == 31)
        #expect(try cutter.cutPositions(stages: 5000, costs: costs, bytes: bytes) == Array(1..<5000))
    }
}
