/// The order of a graph's nodes. It checks the rules of ONNX: each tensor is made once, each tensor that is read is
/// made, and no node depends on itself.
enum NodeOrder {
    /// The nodes in an order in which each follows all that it depends on. If the file's order is not such an order,
    /// nodes are moved forward to just before the first node that needs them.
    static func ordered(_ graph: ONNXGraphProto) throws(ONNXError) -> [ModelGraph.Node] {
        let nodes = graph.node.enumerated().map { index, node in
            ModelGraph.Node(
                name: node.defaultName(index: index), operatorName: node.opType,
                inputs: node.everyInput, outputs: node.output.filter { !$0.isEmpty }, index: index)
        }
        let given = try givenTensors(graph)
        let producers = try producers(of: nodes, given: given)
        for node in nodes {
            for name in node.inputs where producers[name] == nil && !given.contains(name) {
                throw .undefinedTensor(node: node.name, tensor: name)
            }
        }
        for output in graph.output where producers[output.name] == nil && !given.contains(output.name) {
            throw .invalidGraph(reason: "nothing produces its output \"\(output.name)\"")
        }
        return try sorted(nodes, producers: producers)
    }

    /// The names of inputs and weights.
    private static func givenTensors(_ graph: ONNXGraphProto) throws(ONNXError) -> Set<String> {
        var inputs: Set<String> = []
        for input in graph.input where !inputs.insert(input.name).inserted {
            throw .invalidGraph(reason: "two inputs are named \"\(input.name)\"")
        }
        var weights: Set<String> = []
        for name in graph.initializer.map(\.name) + graph.sparseInitializer.map(\.values.name)
        where !weights.insert(name).inserted {
            throw .invalidGraph(reason: "two weights are named \"\(name)\"")
        }
        return inputs.union(weights)
    }

    private static func producers(
        of nodes: [ModelGraph.Node], given: Set<String>
    ) throws(ONNXError) -> [String: Int] {
        var producers: [String: Int] = [:]
        for (index, node) in nodes.enumerated() {
            for name in node.outputs {
                guard !given.contains(name), producers.updateValue(index, forKey: name) == nil else {
                    throw .invalidNode(node: node.name, reason: "its output \"\(name)\" exists already")
                }
            }
        }
        return producers
    }

    /// A depth-first search from each node in turn. It has an explicit stack, since a file decides the depth.
    private static func sorted(
        _ nodes: [ModelGraph.Node], producers: [String: Int]
    ) throws(ONNXError) -> [ModelGraph.Node] {
        enum State { case untouched, open, done }
        var state = [State](repeating: .untouched, count: nodes.count)
        var order: [ModelGraph.Node] = []
        order.reserveCapacity(nodes.count)
        for start in nodes.indices where state[start] == .untouched {
            var stack = [(node: start, nextInput: 0)]
            state[start] = .open
            while let (node, nextInput) = stack.last {
                guard nextInput < nodes[node].inputs.count else {
                    state[node] = .done
                    order.append(nodes[node])
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].nextInput += 1
                guard let producer = producers[nodes[node].inputs[nextInput]] else { continue }
                switch state[producer] {
                case .done: continue
                case .open: throw .cycle(node: nodes[producer].name)
                case .untouched:
                    state[producer] = .open
                    stack.append((producer, 0))
                }
            }
        }
        return order
    }
}

extension ONNXNodeProto {
    /// The graphs among the node's attributes: the branches of an If, the body of a Loop or a Scan.
    var subgraphs: [ONNXGraphProto] {
        attribute.flatMap { ($0.hasG ? [$0.g] : []) + $0.graphs }
    }

    /// The tensors that the node reads, each once: its inputs, and those that its subgraphs read from outside.
    var everyInput: [String] {
        var seen: Set<String> = []
        return (input + subgraphs.flatMap(\.capturedTensors)).filter { !$0.isEmpty && seen.insert($0).inserted }
    }

    /// Whether the node always gives the same result for the same input, so that it may be copied to each stage.
    /// Operators of other domains, model local functions included, are assumed not to.
    var isDeterministic: Bool {
        guard domain.isEmpty || domain == "ai.onnx" || domain == "ai.onnx.ml" else { return false }
        switch opType {
        case "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli":
            return false
        case "Dropout":
            // The third input turns on training, and with it randomness.
            return input.count < 3 || input[2].isEmpty
        default:
            return subgraphs.allSatisfy { $0.node.allSatisfy(\.isDeterministic) }
        }
    }
}

extension ONNXGraphProto {
    /// The tensors that a subgraph reads from outside, subgraphs within it included.
    var capturedTensors: [String] {
        var own = initializerNames
        own.formUnion(input.lazy.map(\.name))
        for node in node { own.formUnion(node.output) }
        return (node.flatMap(\.everyInput) + output.map(\.name)).filter { !own.contains($0) }
    }
}
