/// The order of a graph's nodes, with the rules of ONNX checked: every tensor is made once, everything read is made
/// somewhere, and no node depends on itself.
enum NodeOrder {
    /// The nodes in an order in which each comes after all it depends on. The file's order is kept if it does that
    /// already; else nodes are moved forward to just before the first node that needs them.
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

    /// Depth-first search from each node in turn, with a stack of its own: a file decides how deep it goes.
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
