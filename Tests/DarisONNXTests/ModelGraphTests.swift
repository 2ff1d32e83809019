import Testing

@testable import DarisONNX

@Suite("The graph of a model")
struct ModelGraphTests {
    @Test("nodes in any order are sorted, and sorted ones keep their order")
    func order() throws {
        let nodes = [
            Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Relu", ["x"], ["b"]),
            Graphs.node("Add", ["a", "b"], ["c"]), Graphs.node("Neg", ["c"], ["y"]),
        ]
        #expect(try ModelGraph(Graphs.model(outputs: ["y"], nodes)).nodes.map(\.name) == ["a", "b", "c", "y"])
        let reversed = try ModelGraph(Graphs.model(outputs: ["y"], nodes.reversed()))
        #expect(reversed.nodes.map(\.name) == ["a", "b", "c", "y"])
    }

    @Test("a chain of 20,000 nodes in the wrong order overflows no stack")
    func deep() throws {
        let nodes = (1...20_000).reversed().map { Graphs.node("Relu", ["t\($0 - 1)"], ["t\($0)"]) }
        let graph = try ModelGraph(Graphs.model(inputs: ["t0"], outputs: ["t20000"], nodes))
        #expect(graph.nodes.first?.name == "t1")
        #expect(graph.nodes.last?.name == "t20000")
    }

    @Test("a broken graph is refused with the node that breaks it")
    func broken() {
        let relu = Graphs.node("Relu", ["x"], ["a"])
        #expect(throws: ONNXError.cycle(node: "b")) {
            try ModelGraph(
                Graphs.model(
                    outputs: ["c"], [relu, Graphs.node("Add", ["a", "c"], ["b"]), Graphs.node("Neg", ["b"], ["c"])]))
        }
        #expect(throws: ONNXError.cycle(node: "b")) {
            try ModelGraph(Graphs.model(outputs: ["b"], [Graphs.node("Neg", ["b"], ["b"])]))
        }
        #expect(throws: ONNXError.undefinedTensor(node: "b", tensor: "q")) {
            try ModelGraph(Graphs.model(outputs: ["b"], [relu, Graphs.node("Add", ["a", "q"], ["b"])]))
        }
        #expect(throws: ONNXError.invalidNode(node: "a", reason: "its output \"a\" exists already")) {
            try ModelGraph(Graphs.model(outputs: ["a"], [relu, relu]))
        }
        #expect(throws: ONNXError.invalidNode(node: "x", reason: "its output \"x\" exists already")) {
            try ModelGraph(Graphs.model(outputs: ["x"], [Graphs.node("Neg", ["x"], ["x"])]))
        }
        #expect(throws: ONNXError.invalidGraph(reason: "nothing produces its output \"y\"")) {
            try ModelGraph(Graphs.model(outputs: ["y"], [relu]))
        }
        #expect(throws: ONNXError.invalidGraph(reason: "two inputs are named \"x\"")) {
            try ModelGraph(Graphs.model(inputs: ["x", "x"], outputs: ["a"], [relu]))
        }
    }

    @Test("nodes that depend on weights only are constant, except random and unknown operators")
    func constants() throws {
        let model = Graphs.model(
            weights: ["w"], outputs: ["y"],
            [
                Graphs.node("Constant", [], ["c"]), Graphs.node("Add", ["c", "w"], ["d"]),
                Graphs.node("RandomNormal", [], ["r"]), Graphs.node("Add", ["r", "w"], ["e"]),
                Graphs.node("Dropout", ["w", "", "c"], ["f"]), Graphs.node("Dropout", ["w"], ["g"]),
                Graphs.node("Foo", ["w"], ["h"], domain: "local"),
                Graphs.node(
                    "If", ["c"], ["i"],
                    subgraphs: [Graphs.graph(inputs: [], outputs: ["q"], [Graphs.node("Bernoulli", ["w"], ["q"])])]),
                Graphs.node("Sum", ["x", "d", "e", "f", "g", "h", "i"], ["y"]),
            ])
        let graph = try ModelGraph(model)
        #expect(graph.constantNodes.map(\.name) == ["c", "d", "g"])
        #expect(graph.nodes.map(\.name) == ["r", "e", "f", "h", "i", "y"])
    }

    @Test("all tensors read behind a position are alive at it, model inputs and constants are not")
    func live() throws {
        let graph = try ModelGraph(
            Graphs.model(
                weights: ["w"], outputs: ["y", "a"],
                [
                    Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Split", ["a", "w"], ["b", "c", ""]),
                    Graphs.node("Add", ["b", "x"], ["d"]), Graphs.node("Concat", ["a", "c", "d"], ["e"]),
                    Graphs.node("Neg", ["e"], ["y"]),
                ]))
        #expect(graph.carriedTensors(at: [0]) == [])
        #expect(graph.carriedTensors(at: [1]) == ["a"])
        #expect(graph.carriedTensors(at: [2]) == ["a", "b", "c"])
        #expect(graph.carriedTensors(at: [3]) == ["a", "c", "d"])
        #expect(graph.carriedTensors(at: [4]) == ["e"])
        #expect(graph.carriedTensors(at: [5]) == [])
        #expect(graph.carriedTensors(at: [1, 4]) == ["a", "e"])
        #expect(graph.carriedTensors(at: [3]) == ["a", "c", "d"])
        #expect(graph.carriedTensors(at: [-1, 0, 5, 6, .max]) == [])
        #expect(graph.liveBytes(bytes: ["a": 1, "b": 10, "c": 100, "d": 1000]) == [0, 1, 111, 1101, 0, 0])
        #expect(graph.liveBytes(bytes: ["a": .max, "b": .max]).allSatisfy { $0 >= 0 })
    }

    @Test("nodes that no output depends on are left out of stages")
    func unused() throws {
        let graph = try ModelGraph(
            Graphs.model(
                weights: ["w"], outputs: ["y"],
                [
                    Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["dead"]),
                    Graphs.node("Neg", ["w"], ["dead constant"]), Graphs.node("Neg", ["dead"], ["deader"]),
                    Graphs.node("Neg", ["a"], ["y"]),
                ]))
        #expect(graph.nodes.map(\.name) == ["a", "y"])
        #expect(graph.constantNodes == [])
    }

    @Test("a node reads what its subgraphs take from outside, at any depth")
    func captures() throws {
        let innermost = Graphs.graph(inputs: ["i"], outputs: ["o"], [Graphs.node("Sum", ["i", "a", "m", "w"], ["o"])])
        let middle = Graphs.graph(
            inputs: [], weights: ["own"], outputs: ["n"],
            [
                Graphs.node("Add", ["b", "own"], ["m"]),
                Graphs.node("Loop", ["m"], ["n"], subgraphs: [innermost]),
            ])
        let passing = Graphs.graph(inputs: [], outputs: ["q"], [])
        let graph = try ModelGraph(
            Graphs.model(
                inputs: ["x", "q"], weights: ["w"], outputs: ["y"],
                [
                    Graphs.node("Relu", ["x"], ["a"]), Graphs.node("Neg", ["a"], ["b"]),
                    Graphs.node("If", ["x"], ["y"], subgraphs: [middle, passing]),
                ]))
        #expect(graph.nodes[2].inputs == ["x", "b", "a", "w", "q"])
        #expect(graph.carriedTensors(at: [2]) == ["a", "b"])
    }

    @Test("a tensor that a subgraph reads and nothing makes is refused")
    func undefinedCapture() {
        let inner = Graphs.graph(inputs: [], outputs: ["z"], [Graphs.node("Neg", ["nowhere"], ["z"])])
        #expect(throws: ONNXError.undefinedTensor(node: "y", tensor: "nowhere")) {
            try ModelGraph(Graphs.model(outputs: ["y"], [Graphs.node("If", ["x"], ["y"], subgraphs: [inner])]))
        }
    }

    @Test("nodes that run as one are known")
    func fusion() throws {
        func fused(_ operators: [String]) throws -> Set<Int> {
            let nodes = operators.enumerated().map { Graphs.node($1, ["t\($0)"], ["t\($0 + 1)"]) }
            return try ModelGraph(Graphs.model(inputs: ["t0"], outputs: ["t\(operators.count)"], nodes)).fusedPositions
        }
        #expect(try fused(["Conv", "BatchNormalization", "Relu", "Conv", "Softmax"]) == [1, 2])
        #expect(try fused(["Conv", "Add", "Relu", "Gemm", "Clip"]) == [1, 2, 4])
        #expect(try fused(["Conv", "Add", "Neg"]) == [])
        #expect(try fused(["MaxPool", "Relu", "Sigmoid"]) == [])
    }

    @Test("nodes whose result is also read elsewhere or is an output are no pair")
    func noFusion() throws {
        let conv = Graphs.node("Conv", ["x"], ["a"])
        let relu = Graphs.node("Relu", ["a"], ["b"])
        let sum = Graphs.node("Add", ["a", "b"], ["y"])
        #expect(try ModelGraph(Graphs.model(outputs: ["y"], [conv, relu, sum])).fusedPositions == [])
        #expect(try ModelGraph(Graphs.model(outputs: ["a", "b"], [conv, relu])).fusedPositions == [])
        #expect(try ModelGraph(Graphs.model(outputs: ["b"], [conv, relu])).fusedPositions == [1])
    }
}
