import Foundation
import Testing

@testable import DarisONNX

@Suite("Half precision")
struct HalfPrecisionTests {
    private static let half: Int32 = 10

    private func converted(_ model: ONNXModel, form: HalfPrecision.Form = .stored) throws -> ONNXGraphProto {
        try HalfPrecision(of: model, form: form).model.proto.graph
    }

    private func weight(_ name: String, _ values: [Float]) -> ONNXTensorProto {
        var tensor = ONNXTensorProto()
        tensor.name = name
        tensor.dataType = TensorDescription.float32
        tensor.dims = [Int64(values.count)]
        tensor.floatData = values
        return tensor
    }

    private func attribute(_ name: String, tensor: ONNXTensorProto) -> ONNXAttributeProto {
        var attribute = ONNXAttributeProto()
        attribute.name = name
        attribute.type = 4
        attribute.t = tensor
        return attribute
    }

    private func cast(_ input: String, _ output: String, to type: Int32) -> ONNXNodeProto {
        var node = Graphs.node("Cast", [input], [output])
        var to = ONNXAttributeProto()
        to.name = "to"
        to.type = 2
        to.i = Int64(type)
        node.attribute = [to]
        return node
    }

    /// A product that is worth half precision, then a node, then another product.
    private func around(_ middle: ONNXNodeProto, constants: [ONNXTensorProto] = []) -> ONNXModel {
        var model = Graphs.model(
            weights: ["w"], outputs: ["y"],
            [Graphs.node("MatMul", ["x", "w"], ["a"]), middle, Graphs.node("MatMul", ["b", "w"], ["y"])])
        model.proto.graph.initializer += constants
        return model
    }

    @Test("inputs and outputs stay float32, with a Cast on each side of nodes in float16")
    func boundary() throws {
        let graph = try converted(around(Graphs.node("Relu", ["a"], ["b"])))
        #expect(graph.input.map(\.type.tensorType.elemType) == [1] && graph.output[0].type.tensorType.elemType == 1)
        #expect(graph.node.map(\.opType) == ["Cast", "MatMul", "Relu", "MatMul", "Cast"])
        #expect(graph.node[0].input == ["x"] && graph.node[0].output == ["x/half"])
        #expect(graph.node[1].input == ["x/half", "w/half"])
        #expect(graph.node[4].input == ["y/half"] && graph.node[4].output == ["y"])
        #expect(graph.initializer.map(\.name) == ["w/half"] && graph.initializer[0].dataType == Self.half)
        #expect(graph.initializer[0].rawData == Data([0x00, 0x3c, 0x00, 0x40]))
    }

    @Test(
        "operators without float16, with too wide a range, of other domains and with graphs in them stay in float32",
        arguments: ["Exp", "Pow", "ReduceSum", "ReduceL2", "NonMaxSuppression", "CumSum"])
    func floatOperators(name: String) throws {
        let graph = try converted(around(Graphs.node(name, ["a"], ["b"])))
        let node = try #require(graph.node.first { $0.opType == name })
        #expect(node.input == ["a"] && node.output == ["b"])
        let foreign = try converted(
            around(Graphs.node("Gelu", ["a"], ["b"], domain: "com.microsoft")))
        #expect(foreign.node.first { $0.opType == "Gelu" }?.input == ["a"])
    }

    @Test("an If and what it reads from outside stay as they are")
    func subgraphs() throws {
        let branch = Graphs.graph(inputs: [], outputs: ["r"], [Graphs.node("Relu", ["a"], ["r"])])
        let graph = try converted(
            around(Graphs.node("If", ["c"], ["b"], subgraphs: [branch, branch]))
                .with { $0.graph.input.append(Graphs.flag("c")) })
        let place = try #require(graph.node.firstIndex { $0.opType == "If" })
        #expect(graph.node[place].subgraphs == [branch, branch] && graph.node[place].input == ["c"])
        #expect(graph.node[..<place].contains { $0.opType == "Cast" && $0.input == ["a/half"] && $0.output == ["a"] })
        #expect(graph.node[place...].contains { $0.opType == "Cast" && $0.input == ["b"] && $0.output == ["b/half"] })
    }

    @Test("a product of a value with itself stays in float32, and the light nodes after it")
    func squares() throws {
        let model = Graphs.model(
            weights: ["w"], outputs: ["y"],
            [
                Graphs.node("MatMul", ["x", "w"], ["a"]), Graphs.node("Mul", ["a", "a"], ["square"]),
                Graphs.node("ReduceMean", ["square"], ["mean"]), Graphs.node("Sqrt", ["mean"], ["root"]),
                Graphs.node("Div", ["a", "root"], ["y"]),
            ])
        let graph = try converted(model)
        #expect(graph.node.first { $0.opType == "Mul" }?.output == ["square"])
        #expect(graph.node.first { $0.opType == "Sqrt" }?.output == ["root"])
        #expect(graph.node.first { $0.opType == "Div" }?.input == ["a/half", "root/half"])
    }

    @Test("scattered sums stay in float32, replacements do not", arguments: [("add", false), ("none", true)])
    func scattering(reduction: String, isHalf: Bool) throws {
        var kind = ONNXAttributeProto()
        kind.name = "reduction"
        kind.type = 3
        kind.s = Data(reduction.utf8)
        var scatter = Graphs.node("ScatterND", ["a", "places", "a"], ["b"])
        scatter.attribute = [kind]
        var places = weight("places", [])
        places.dataType = TensorDescription.int64
        let graph = try converted(around(scatter, constants: [places]))
        let name = isHalf ? "a/half" : "a"
        #expect(graph.node.first { $0.opType == "ScatterND" }?.input == [name, "places", name])
    }

    @Test("a constant that float16 cannot hold keeps its node in float32, unless it is a limit or a bias")
    func constants() throws {
        func inputs(_ name: String, _ values: [Float], operatorName: String) throws -> [String] {
            let middle = Graphs.node(operatorName, ["a", "c"], ["b"])
            let graph = try converted(around(middle, constants: [weight("c", values)]))
            return try #require(graph.node.first { $0.opType == operatorName }).input
        }
        #expect(try inputs("large", [1, -1e9], operatorName: "Add") == ["a", "c"])
        #expect(try inputs("large", [1, -1e9], operatorName: "Max") == ["a/half", "c/half"])
        #expect(try inputs("infinite", [1, -.infinity], operatorName: "Add") == ["a/half", "c/half"])
        #expect(try inputs("epsilon", [1e-12], operatorName: "Add") == ["a", "c"])
        #expect(try inputs("bias", [1e-6, 2e-6], operatorName: "Add") == ["a/half", "c/half"])
        #expect(try inputs("scale", [1e-6, 2e-6], operatorName: "Mul") == ["a", "c"])
        #expect(try inputs("mixed", [1e-6, 1], operatorName: "Mul") == ["a/half", "c/half"])
    }

    @Test("a weight that both forms read is there twice, one that only float16 reads once")
    func sharedWeights() throws {
        var constant = Graphs.node("Constant", [], ["k"])
        constant.attribute = [attribute("value", tensor: weight("", [1, 2]))]
        let model = Graphs.model(
            weights: ["w"], outputs: ["y", "z"],
            [
                constant, Graphs.node("MatMul", ["x", "w"], ["a"]), Graphs.node("Add", ["a", "k"], ["y"]),
                Graphs.node("Pow", ["x", "w"], ["z"]),
            ])
        let graph = try converted(model)
        #expect(Set(graph.initializer.map(\.name)) == ["w", "w/half", "k/half"])
        #expect(!graph.node.contains { $0.opType == "Constant" })
    }

    @Test("the measures of a Resize stay float32")
    func measures() throws {
        let middle = Graphs.node("Resize", ["a", "", "scales"], ["b"])
        let graph = try converted(around(middle, constants: [weight("scales", [1, 2])]))
        #expect(graph.node.first { $0.opType == "Resize" }?.input == ["a/half", "", "scales"])
        #expect(graph.initializer.contains { $0.name == "scales" && $0.dataType == 1 })
    }

    @Test("nodes that make float32 by an attribute make float16; casts of whole numbers do not")
    func attributes() throws {
        var fill = Graphs.node("ConstantOfShape", ["shape"], ["f"])
        fill.attribute = [attribute("value", tensor: weight("", [0.5]))]
        let model = Graphs.model(
            weights: ["w"], outputs: ["y"],
            [
                Graphs.node("Shape", ["x"], ["shape"]), fill, Graphs.node("MatMul", ["x", "w"], ["a"]),
                Graphs.node("Greater", ["a", "f"], ["more"]), cast("more", "mask", to: 1),
                cast("shape", "n", to: 1), Graphs.node("Mul", ["a", "mask"], ["m"]),
                Graphs.node("Mul", ["m", "n"], ["y"]),
            ])
        let graph = try converted(model)
        let filled = try #require(graph.node.first { $0.opType == "ConstantOfShape" }?.attribute("value")?.t)
        #expect(filled.dataType == Self.half && filled.rawData == Data([0x00, 0x38]))
        #expect(graph.node.first { $0.output == ["mask/half"] }?.attribute("to")?.i == 10)
        #expect(graph.node.first { $0.output == ["n"] }?.attribute("to")?.i == 1)
        #expect(graph.node.first { $0.output == ["n/half"] }?.input == ["n"])
    }

    @Test("quantised models and those of 64-bit floats stay byte for byte")
    func passThrough() throws {
        for name in ["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv"] {
            let quantised = around(Graphs.node(name, ["a"], ["b"]))
            let unchanged = try HalfPrecision(of: quantised)
            #expect(unchanged.unchanged == .quantised(operatorName: name))
            #expect(try unchanged.model.serialized() == quantised.serialized())
        }

        var double = around(Graphs.node("Relu", ["a"], ["b"]))
        double.proto.graph.input[0].type.tensorType.elemType = 11
        double.proto.graph.output[0].type.tensorType.elemType = 11
        double.proto.graph.initializer[0].dataType = 11
        let kept = try HalfPrecision(of: double)
        #expect(kept.unchanged == .nothingToConvert)
        #expect(try kept.model.serialized() == double.serialized())
    }

    @Test("what the file says of values is said of both forms, and names that are taken are not used")
    func descriptions() throws {
        var model = around(Graphs.node("Exp", ["a"], ["b"]))
        model.proto.graph.valueInfo = [Graphs.value("a"), Graphs.value("b")]
        let described = Dictionary(
            uniqueKeysWithValues: try converted(model).valueInfo.map { ($0.name, $0.type.tensorType.elemType) })
        #expect(described == ["a": 1, "a/half": 10, "b": 1, "b/half": 10])

        let taken = Graphs.model(
            weights: ["w"], outputs: ["y"],
            [Graphs.node("MatMul", ["x", "w"], ["x/half"]), Graphs.node("Relu", ["x/half"], ["y"])])
        let names = try converted(taken).node.flatMap(\.output)
        #expect(Set(names).count == names.count && names.contains("x/half_"))
    }

    @Test("an operator set before 7 is refused with what would be right")
    func oldOperators() throws {
        var model = around(Graphs.node("Relu", ["a"], ["b"]))
        model.proto.opsetImport[0].version = 6
        let error = try #require(throws: ONNXError.self) { try HalfPrecision(of: model) }
        #expect(
            error.description.contains("operator set 7 or later") && error.description.contains("version_converter"))
    }

    @Test("rounded, everything is float32 and each value goes through float16 once")
    func rounded() throws {
        let graph = try converted(around(Graphs.node("Relu", ["a"], ["b"])), form: .rounded)
        #expect(graph.initializer.allSatisfy { $0.dataType == 1 })
        let casts = graph.node.filter { $0.opType == "Cast" }
        // Of x, a, b and y, and of y once more to its own name.
        #expect(casts.count { $0.attribute("to")?.i == 10 } == 4 && casts.count == 9)
        #expect(graph.node.filter { $0.opType != "Cast" }.map(\.opType) == ["MatMul", "Relu", "MatMul"])
    }

    @Test("the same model gives the same bytes, and as few nodes again")
    func determinism() throws {
        let network = ReferenceNetwork.resnet18.build(seed: 1)
        let once = try HalfPrecision(of: network)
        #expect(try once.model.serialized() == HalfPrecision(of: network).model.serialized())
        #expect(once.nodesInHalf == network.nodeCount)
        #expect(once.nodesInFloat == 0)
        // A Cast at each end.
        #expect(once.model.nodeCount == network.nodeCount + 2)
        let size = try (half: once.model.serialized().count, float: network.serialized().count)
        #expect(size.half * 2 < size.float + 100_000)
    }

    @Test("numbers are rounded to the nearest, ties to even, and those out of range become its ends")
    func numbers() throws {
        let values: [Float] = [1 + 0x1p-11, 1 + 0x3p-11, 65519, 65520, -1e9, .infinity, 1e-8, 0x1p-24, -0.0]
        let tensor = try #require(HalfTensor(weight("w", values)))
        let stored = tensor.converted(name: "h", form: .stored)
        let bits: [UInt16] = [0x3c00, 0x3c02, 0x7bff, 0x7bff, 0xfbff, 0x7c00, 0, 1, 0x8000]
        #expect(stored.rawData == bits.withUnsafeBytes { Data($0) })
        let rounded = try #require(HalfTensor(tensor.converted(name: "r", form: .rounded)))
        #expect(rounded.converted(name: "h", form: .stored).rawData == stored.rawData)
        #expect(HalfTensor(weight("w", [0, 0]))?.fit == .good && HalfTensor(weight("w", []))?.fit == .good)
        #expect(HalfTensor(weight("w", [65504]))?.fit == .good && HalfTensor(weight("w", [65505]))?.fit == .tooLarge)
        #expect(HalfTensor(weight("w", [6.0e-5, 0]))?.fit == .tooSmall(count: 2))
    }
}

extension ONNXModel {
    fileprivate func with(_ change: (inout ONNXModelProto) -> Void) -> ONNXModel {
        var copy = self
        change(&copy.proto)
        return copy
    }
}

extension Graphs {
    /// A value of bool.
    fileprivate static func flag(_ name: String) -> ONNXValueInfoProto {
        TensorDescription(name: name, elementType: 9, dimensions: []).valueInfo
    }
}
