extension ONNXNodeProto {
    /// The graphs among the node's attributes: the branches of an If, the body of a Loop or a Scan.
    var subgraphs: [ONNXGraphProto] {
        attribute.flatMap { ($0.hasG ? [$0.g] : []) + $0.graphs }
    }

    /// All tensors the node reads, each once: its inputs, and what its subgraphs take from outside.
    var everyInput: [String] {
        var seen: Set<String> = []
        return (input + subgraphs.flatMap(\.capturedTensors)).filter { !$0.isEmpty && seen.insert($0).inserted }
    }

    /// Whether the node gives the same result each time it gets the same input, so that a copy of it in each stage
    /// agrees with one node in the whole model. Operators of other domains, model local functions among them, are not
    /// known to, and are taken as if they did not.
    var isDeterministic: Bool {
        guard domain.isEmpty || domain == "ai.onnx" || domain == "ai.onnx.ml" else { return false }
        switch opType {
        case "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli":
            return false
        case "Dropout":
            // The third input turns training on, and with it chance.
            return input.count < 3 || input[2].isEmpty
        default:
            return subgraphs.allSatisfy { $0.node.allSatisfy(\.isDeterministic) }
        }
    }
}

extension ONNXGraphProto {
    /// What a subgraph reads and does not define itself, subgraphs within it included.
    var capturedTensors: [String] {
        var own = initializerNames
        own.formUnion(input.lazy.map(\.name))
        for node in node { own.formUnion(node.output) }
        return (node.flatMap(\.everyInput) + output.map(\.name)).filter { !own.contains($0) }
    }
}
